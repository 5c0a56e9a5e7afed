int rust_double(int x);
int c_triple(int x) { return 3 * x; }
__attribute__((noinline)) int c_calls(int x) { return rust_double(x) + 1; }
