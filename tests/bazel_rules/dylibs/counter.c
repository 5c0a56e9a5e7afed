static int count = 0;

int next_count(void) { return ++count; }
