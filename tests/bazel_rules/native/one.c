int first_one(void) { return 1; }
