/*
 * options.h: how a command reads its options: argp, with our conventions. Usage errors exit with
 * EXIT_USAGE, and a mistyped long option gets the one that was meant.
 */
#ifndef LODE_TOOLS_OPTIONS_H
#define LODE_TOOLS_OPTIONS_H

#include <argp.h>
#include <lode/error.h>

/* argp_parse(); argv[0] names the command in messages. Returns only if there was no error. */
void options_parse(const struct argp *argp, int argc, char **argv, void *input);

/* A number of seconds, as milliseconds. Errors: LODE_EINVAL with a sentence. */
LODE_MUST_CHECK lode_err options_seconds(const char *text, int64_t *ms_out);

#endif
