int lower_count(void);

int middle_count(void) { return 10 * lower_count(); }
