#include <stdio.h>
#include <stdlib.h>

int sum_of_numbers(void);

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  int sum = sum_of_numbers();
  printf("%d, expected %s\n", sum, argv[1]);
  return sum == atoi(argv[1]) ? 0 : 1;
}
