/* A library whose constructor does not return. */
#include <lode/lode.h>

#include <unistd.h>

__attribute__((constructor)) static void
hang(void)
{
    for (;;) {
        pause();
    }
}

static const lode_function functions[] = {{0}};
LODE_LIBRARY("hang", functions, NULL);
