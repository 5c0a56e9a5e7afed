#include <stdint.h>

uint32_t c_twice(uint32_t value) { return 2 * value; }
