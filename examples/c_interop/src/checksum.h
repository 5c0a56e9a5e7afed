#ifndef EXAMPLES_C_INTEROP_CHECKSUM_H_
#define EXAMPLES_C_INTEROP_CHECKSUM_H_

#include <stddef.h>
#include <stdint.h>

// The sum of `size` bytes, modulo 2^32.
uint32_t checksum(const uint8_t *bytes, size_t size);

#endif
