int second_one(void) { return 11; }
