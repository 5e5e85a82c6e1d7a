/*
 * command.h: the commands of `lode`, and what they have in common: how they read their arguments,
 * what they print where, and what they return (tools/cli/exit_code.h).
 */
#ifndef LODE_TOOLS_COMMAND_H
#define LODE_TOOLS_COMMAND_H

#include "tools/cli/exit_code.h"

#include <argp.h>
#include <lode/lode.h>

/* argv[0] is "lode NAME"; returns the exit code. */
typedef int (*command_fn)(int argc, char **argv);

struct command {
    const char *name;
    command_fn run;
    const char *summary;
};

extern const struct command commands[]; /* ends with a NULL name */

int command_start(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_status(int argc, char **argv);
int command_load(int argc, char **argv);
int command_run(int argc, char **argv);
int command_matmul(int argc, char **argv);
int command_bench(int argc, char **argv);

/*
 * argp_parse() with our conventions: usage errors exit with EXIT_USAGE and, for a mistyped long
 * option, suggest the one that was meant. Returns only if there was no error.
 */
void command_parse(const struct argp *argp, int argc, char **argv, void *input);

/* "lode NAME: sentence" on stderr. Returns the exit code that fits the error. */
int command_failed(const char *command, lode_err err);
int command_error(const char *command, int exit_code, const char *format, ...) LODE_PRINTF(3, 4);

/* A number of CPUs: "2", "0.5". Errors: LODE_EINVAL with a sentence. */
LODE_MUST_CHECK lode_err command_parse_cpus(const char *text, double *cpus_out);

/* A number of seconds, as milliseconds. Errors: LODE_EINVAL with a sentence. */
LODE_MUST_CHECK lode_err command_parse_seconds(const char *text, int64_t *ms_out);

#endif
