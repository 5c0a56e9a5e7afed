#include <stdint.h>

uint32_t c_thrice(uint32_t value) { return 3 * value; }
