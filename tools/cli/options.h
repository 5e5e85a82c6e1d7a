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

/* ---- options that many commands have, as argp children --------------------------------------- */

struct options_common {
    const char *dir; /* NULL: the default cluster */
    bool json;
    char **words; /* see options_words() */
    int count;
};

/* --dir and --json; child_inputs[0] is a struct options_common. */
extern const struct argp options_dir_json_argp;
extern const struct argp_child options_dir_json[];

/* argp_error(): a usage error, and the command's end. What is no plain text is shown escaped. */
void options_error(struct argp_state *state, const char *format, ...) LODE_PRINTF(2, 3);

/* Of a command that takes none, or no more arguments. */
void options_one_too_many(struct argp_state *state, const char *text);

/*
 * What the parser of a command that takes no arguments does with all keys but its own options. The
 * command's input begins with a struct options_common, which the first child gets.
 */
error_t options_without_words(int key, char *arg, struct argp_state *state);

/* At ARGP_KEY_ARGS: all arguments, as many as there are. */
void options_words(struct argp_state *state, struct options_common *common);

/* ---- values: what is wrong with one is a usage error, and the command's end ------------------ */

/* --timeout: a number of seconds, as milliseconds. */
void options_timeout(struct argp_state *state, const char *text, int64_t *ms_out);

/* --task-timeout: a number of seconds, as milliseconds that a call takes for a limit, never 0. */
void options_task_timeout(struct argp_state *state, const char *text, int64_t *ms_out);

/* A number of CPUs: "2", "0.5"; `option` names it in messages. */
void options_cpus(struct argp_state *state, const char *option, const char *text, double *cpus_out);

/* A whole number from `least` to `most`. */
void options_integer(struct argp_state *state, const char *option, const char *text, int64_t least,
                     int64_t most, int64_t *number_out);

#endif
