// Prints a greeting that Rust makes; with --check, tells by its exit code whether it is the right one.

#include <stdio.h>
#include <string.h>

char *greeting_new(const char *name);
void greeting_free(char *greeting);

int main(int argc, char **argv) {
  int check = argc > 1 && strcmp(argv[1], "--check") == 0;
  char *greeting = greeting_new(argc > 1 && !check ? argv[1] : "C");
  int wrong = strcmp(greeting, "Hello, C!") != 0;
  puts(greeting);
  greeting_free(greeting);
  return check && wrong;
}
