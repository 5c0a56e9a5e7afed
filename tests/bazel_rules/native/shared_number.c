int shared_number(void) { return 23; }
