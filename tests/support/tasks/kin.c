/* Needs a library of the same name as libneighbour.so does, which lies elsewhere. */
#define NAME "kin"
#include "tests/support/tasks/neighbour.c"
