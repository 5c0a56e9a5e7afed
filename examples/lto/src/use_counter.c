#include <stddef.h>
#include <stdio.h>

size_t most_frequent_word(const char *text);

int main(void) {
  size_t found = most_frequent_word("to be or not to be is to be asked");
  printf("%zu\n", found);
  return found == 3 ? 0 : 1;
}
