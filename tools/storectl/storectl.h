/*
 * storectl.h: the commands of storectl, and what they have in common: the options that all have,
 * how a word names an object, what goes to stderr, what is returned (tools/cli/exit_code.h).
 *
 * A word names an object in one of three ways: 32 hex digits are an id, SPACE/NAME is a name in a
 * namespace, anything else is a name in the default one.
 */
#ifndef LODE_TOOLS_STORECTL_H
#define LODE_TOOLS_STORECTL_H

#include "tools/cli/exit_code.h"

#include <argp.h>
#include <jansson.h>
#include <lode/lode.h>

/* argv[0] is "storectl NAME"; returns the exit code. */
typedef int (*storectl_fn)(int argc, char **argv);

struct storectl_command {
    const char *name;
    storectl_fn run;
    const char *summary;
};

int storectl_ls(int argc, char **argv);
int storectl_stat(int argc, char **argv);
int storectl_get(int argc, char **argv);
int storectl_put(int argc, char **argv);
int storectl_rm(int argc, char **argv);
int storectl_wait(int argc, char **argv);

/* ---- options: --dir, as an argp child whose input is a struct storectl_common ------------------ */

struct storectl_common {
    const char *dir; /* NULL: the default cluster */
};
extern const struct argp_child storectl_children[]; /* child_inputs[0] */

/* Attaches to the store of a cluster that runs, and starts none. Errors: as lode_open(). */
LODE_MUST_CHECK lode_err storectl_open(const struct storectl_common *common, lode **db_out);

/* ---- what went wrong, on stderr: "storectl NAME: sentence" ------------------------------------- */

/* With lode_last_error(); returns the exit code of the error. */
int storectl_failed(const char *command, lode_err err);
int storectl_error(const char *command, int exit_code, const char *format, ...) LODE_PRINTF(3, 4);

/* "there is no object 'X'", with the name that was meant, if one is near; returns EXIT_NOT_FOUND. */
int storectl_not_found(const char *command, lode *db, const char *word);

/* ---- words -------------------------------------------------------------------------------------- */

enum { STORECTL_NAME_MAX = 255 };

struct storectl_word {
    const char *text;
    bool is_id;
    lode_id id;                        /* is_id */
    char space[STORECTL_NAME_MAX + 1]; /* else; "": the default one */
    char name[STORECTL_NAME_MAX + 1];
};

/* Errors: LODE_EINVAL with a sentence: too long, empty, more than one '/'. */
LODE_MUST_CHECK lode_err storectl_parse_word(const char *text, struct storectl_word *word_out);

/* The namespace as the interface wants it: NULL for the default one. */
const char *storectl_space(const struct storectl_word *word);

/*
 * The word's object; a reference is taken if it was named (they go with the session).
 * Errors: LODE_ENOTFOUND, LODE_ETIMEDOUT no such name (in time); an id is not looked up.
 */
LODE_MUST_CHECK lode_err storectl_resolve(lode *db, const struct storectl_word *word,
                                          int64_t timeout_ms, lode_id *id_out);

/* ---- interrupts --------------------------------------------------------------------------------- */

/* From now on SIGINT, SIGTERM and SIGHUP remove the temporary file and exit with 128 + number. */
void storectl_catch_interrupts(void);

/* The file to be removed then; NULL: none. The path stays until the next call. */
void storectl_temporary(const char *path);

#endif
