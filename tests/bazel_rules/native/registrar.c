extern int registered;

__attribute__((constructor)) static void register_it(void) { registered = 1; }
