/*
 * program.h: a program that is a list of commands: how it finds the one that is meant, what it says
 * when something is wrong, and what it returns. The same for storectl and lode.
 */
#ifndef LODE_TOOLS_PROGRAM_H
#define LODE_TOOLS_PROGRAM_H

#include "tools/cli/exit_code.h"

#include <lode/error.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is "PROGRAM NAME"; returns the exit code */
    const char *summary;
};

struct program {
    const char *name;
    const char *about;              /* lines */
    const struct command *commands; /* ends with a NULL name */
    const char *notes;              /* lines, or "" */
};

/*
 * main(): runs the command of argv[1], or answers help and --version. What a command has printed
 * has arrived when this returns EXIT_OK: a full disk is an error, not a silent loss.
 */
int program_run(const struct program *program, int argc, char **argv);

/* "PROGRAM COMMAND: sentence" on stderr, with lode_last_error(). Returns the error's exit code. */
int program_failed(lode_err err);

/*
 * The same with a sentence of one's own, of which it shows what is no plain text escaped; returns
 * exit_code.
 */
int program_error(int exit_code, const char *format, ...) LODE_PRINTF(2, 3);

#endif
