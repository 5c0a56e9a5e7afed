#include <stdint.h>
#include <stdio.h>

uint32_t most_frequent_word(const char *text);

int main(void) {
  uint32_t most = most_frequent_word("a b a c a");
  printf("%u\n", most);
  return most == 6 ? 0 : 1;
}
