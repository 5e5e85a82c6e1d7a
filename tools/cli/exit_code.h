/*
 * exit_code.h: what a command line tool returns to its shell; the same for storectl and lode.
 */
#ifndef LODE_TOOLS_EXIT_CODE_H
#define LODE_TOOLS_EXIT_CODE_H

#include <lode/error.h>

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_TIMEOUT = 4,
    EXIT_NO_CLUSTER = 5,
    EXIT_FULL = 6,
    EXIT_CORRUPT = 7,
    EXIT_DENIED = 8 /* 128 + N: ended by signal N, as a shell says it; see interrupts.h */
};

/* The exit code that fits an error; LODE_OK is 0. */
int exit_code_of(lode_err err);

#endif
