#include "tools/cli/options.h"

#include "api/base/fail.h"
#include "tools/cli/exit_code.h"
#include "tools/cli/suggest.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        const char *meant = begins_one(word, names, count) ? NULL : suggest(word, names, count);
        if (meant != NULL) {
            fprintf(stderr, "%s: there is no option --%s; did you mean --%s?\n", argv[0], word,
                    meant);
            exit(EXIT_USAGE);
        }
    }
}

void
options_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    argp_err_exit_status = EXIT_USAGE;
    check_long_options(argp, argc, argv);
    /* argp names the program by these in its messages. */
    program_invocation_name = argv[0];
    program_invocation_short_name = argv[0];
    error_t err = argp_parse(argp, argc, argv, 0, NULL, input);
    if (err != 0) {
        fprintf(stderr, "%s: %s\n", argv[0], strerror(err));
        exit(err == EINVAL ? EXIT_USAGE : EXIT_FAILED);
    }
}

lode_err
options_seconds(const char *text, int64_t *ms_out)
{
    char *end;
    errno = 0;
    double seconds = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !isfinite(seconds) || seconds < 0 ||
        seconds > 1e9) {
        return lode_fail_with(LODE_EINVAL, "'%s' is not a number of seconds, 0 or more", text);
    }
    *ms_out = (int64_t)(seconds * 1000);
    return LODE_OK;
}
