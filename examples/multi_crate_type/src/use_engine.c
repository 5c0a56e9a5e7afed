#include <stdint.h>
#include <stdio.h>

uint32_t engine_area(uint32_t side);

int main(void) {
  uint32_t area = engine_area(7);
  printf("area: %u\n", area);
  return area == 49 ? 0 : 1;
}
