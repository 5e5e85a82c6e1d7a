#include "tools/cli/options.h"

#include "api/base/fail.h"
#include "api/base/printable.h"
#include "api/base/suggest.h"
#include "tools/cli/program.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_MAX = 64 };

/* The long options of an argp and of those under it. */
static size_t
collect(const struct argp *argp, const char **names, size_t count)
{
    for (const struct argp_option *o = argp->options; o != NULL && (o->name || o->key); o++) {
        if (o->name != NULL && count < NAMES_MAX) {
            names[count++] = o->name;
        }
    }
    for (const struct argp_child *c = argp->children; c != NULL && c->argp != NULL; c++) {
        count = collect(c->argp, names, count);
    }
    return count;
}

static bool
begins_one(const char *word, const char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(names[i], word, strlen(word)) == 0) {
            return true; /* getopt takes a beginning, and says itself if it is no unique one */
        }
    }
    return false;
}

/* getopt's own message has no suggestion, so mistyped long options are looked for first. */
static void
check_long_options(const struct argp *argp, int argc, char **argv)
{
    const char *names[NAMES_MAX + 3] = {"help", "usage", "version"};
    size_t count = collect(argp, names, 3);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        char word[64];
        if (strncmp(argv[i], "--", 2) != 0) {
            continue;
        }
        snprintf(word, sizeof word, "%.*s", (int)strcspn(argv[i] + 2, "="), argv[i] + 2);
        if (!lode_is_printable(word, strlen(word))) {
            exit(program_error(EXIT_USAGE, "there is no option --%s", word));
        }
        const char *meant =
            begins_one(word, names, count) ? NULL : lode_suggest(word, names, count);
        if (meant != NULL) {
            exit(program_error(EXIT_USAGE, "there is no option --%s; did you mean --%s?", word,
                               meant));
        }
    }
}

void
options_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    argp_err_exit_status = EXIT_USAGE;
    check_long_options(argp, argc, argv);
    error_t err = argp_parse(argp, argc, argv, 0, NULL, input);
    if (err != 0) {
        exit(program_error(err == EINVAL ? EXIT_USAGE : EXIT_FAILED, "%s", strerror(err)));
    }
}

void
options_error(struct argp_state *state, const char *format, ...)
{
    char sentence[2 * LODE_FAIL_MAX], shown[sizeof sentence];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    lode_printable(sentence, size > 0 ? strlen(sentence) : 0, 0, shown, sizeof shown);
    argp_error(state, "%s", shown);
}

/* ---- options that many commands have --------------------------------------------------------- */

static const struct argp_option common_options[] = {
    {"json", 'j', 0, 0, "print one JSON document", 0},
    {"dir", 'd', "DIR", 0, "the cluster in this directory (default: $LODE_DIR, or the user's)", 1},
    {0},
};

/*
 * The interface takes absolute paths only: a daemon has another current directory. The text is
 * valid until the next one.
 */
static const char *
absolute_dir(struct argp_state *state, const char *text)
{
    static char path[PATH_MAX];
    if (text[0] == '\0') {
        options_error(state, "--dir: an empty path");
    }
    if (text[0] == '/') {
        return text;
    }
    if (getcwd(path, sizeof path) == NULL) {
        options_error(state,
                      "--dir: '%s' is relative, and the current directory cannot be told: %s", text,
                      strerror(errno));
    }
    size_t used = strcmp(path, "/") == 0 ? 0 : strlen(path);
    if ((size_t)snprintf(path + used, sizeof path - used, "/%s", text) >= sizeof path - used) {
        options_error(state, "--dir: the path is too long");
    }
    return path;
}

static error_t
parse_common(int key, char *arg, struct argp_state *state)
{
    struct options_common *common = state->input;
    switch (key) {
    case 'd':
        common->dir = absolute_dir(state, arg);
        return 0;
    case 'j':
        common->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp options_dir_json_argp = {common_options, parse_common, 0, 0, 0, 0, 0};
const struct argp_child options_dir_json[] = {{&options_dir_json_argp, 0, 0, 0}, {0}};

void
options_one_too_many(struct argp_state *state, const char *text)
{
    options_error(state, "'%s' is one argument too many", text);
}

error_t
options_without_words(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->input;
        return 0;
    case ARGP_KEY_ARG:
        options_one_too_many(state, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void
options_words(struct argp_state *state, struct options_common *common)
{
    common->words = state->argv + state->next;
    common->count = state->argc - state->next;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool
parse_number(const char *text, double least, double most, double *number_out)
{
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !isfinite(number) || number < least ||
        number > most) {
        return false;
    }
    *number_out = number;
    return true;
}

void
options_timeout(struct argp_state *state, const char *text, int64_t *ms_out)
{
    double seconds = 0;
    if (!parse_number(text, 0, 1e9, &seconds)) {
        options_error(state, "--timeout: '%s' is not a number of seconds, 0 or more", text);
    }
    *ms_out = (int64_t)(seconds * 1000);
}

void
options_task_timeout(struct argp_state *state, const char *text, int64_t *ms_out)
{
    double seconds = 0, most = UINT32_MAX / 1000.0;
    if (!parse_number(text, 0.001, most, &seconds)) {
        options_error(state,
                      "--task-timeout: '%s' is not a number of seconds between 0.001 and %.3f",
                      text, most);
    }
    *ms_out = (int64_t)(seconds * 1000 + 0.5);
}

void
options_cpus(struct argp_state *state, const char *option, const char *text, double *cpus_out)
{
    if (!parse_number(text, 0.0001, 8192, cpus_out)) {
        options_error(state, "--%s: '%s' is not a number of CPUs between 0.0001 and 8192", option,
                      text);
    }
}

void
options_integer(struct argp_state *state, const char *option, const char *text, int64_t least,
                int64_t most, int64_t *number_out)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < least || number > most) {
        options_error(state, "--%s: '%s' is not a whole number from %lld to %lld", option, text,
                      (long long)least, (long long)most);
    }
    *number_out = number;
}
