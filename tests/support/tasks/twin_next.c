/* The second version of twin.c. */
#define VERSION 2
#include "tests/support/tasks/twin.c"
