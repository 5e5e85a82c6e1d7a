#include "tools/lode/command.h"

#include "api/base/fail.h"
#include "tools/cli/suggest.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct command commands[] = {
    {"start", command_start, "start a cluster, in the foreground"},
    {"stop", command_stop, "stop it, in order, and wait until it has ended"},
    {"status", command_status, "what runs: health, resources, store, demands, workers, failures"},
    {"load", command_load, "register a task library"},
    {"run", command_run, "call one function, and print its results"},
    {"matmul", command_matmul, "multiply matrices in .npy files: X @ Y1, X @ Y2, ..."},
    {"bench", command_bench, "measure (runs lode-bench)"},
    {0},
};

/* ---- what is wrong, on stderr -------------------------------------------------------------- */

int
command_failed(const char *command, lode_err err)
{
    const char *sentence = lode_last_error();
    fprintf(stderr, "lode %s: %s\n", command, sentence[0] != '\0' ? sentence : lode_err_text(err));
    return exit_code_of(err);
}

int
command_error(const char *command, int exit_code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "lode %s: ", command);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return exit_code;
}

/* ---- arguments ----------------------------------------------------------------------------- */

enum { OPTIONS_MAX = 32 };

static size_t
long_options(const struct argp *argp, const char **names)
{
    size_t count = 0;
    for (const struct argp_option *o = argp->options; o != NULL && (o->name || o->key); o++) {
        if (o->name != NULL && (o->flags & OPTION_HIDDEN) == 0 && count < OPTIONS_MAX) {
            names[count++] = o->name;
        }
    }
    names[count++] = "help";
    return count;
}

static bool
is_option(const char *word, size_t length, const char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(names[i], word, length) == 0) {
            return true; /* getopt takes a beginning, too, and says itself if it is no unique one */
        }
    }
    return false;
}

/* getopt's own message comes without a suggestion, so look for mistyped long options first. */
static void
check_long_options(const struct argp *argp, int argc, char **argv)
{
    static const char *const of_argp[] = {"usage", "version", "private", "lifeline-fd"};
    const char *names[OPTIONS_MAX + 8];
    size_t count = long_options(argp, names), shown = count;
    memcpy(names + count, of_argp, sizeof of_argp);
    count += sizeof of_argp / sizeof of_argp[0];
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            continue;
        }
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)strcspn(argv[i] + 2, "="), argv[i] + 2);
        if (is_option(word, strlen(word), names, count)) {
            continue;
        }
        const char *meant = suggest(word, names, shown);
        if (meant != NULL) {
            fprintf(stderr, "%s: there is no option --%s; did you mean --%s?\n", argv[0], word,
                    meant);
            exit(EXIT_USAGE);
        }
    }
}

void
command_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    argp_err_exit_status = EXIT_USAGE;
    check_long_options(argp, argc, argv);
    /* argp names the program by this in its messages. */
    program_invocation_name = argv[0];
    program_invocation_short_name = argv[0];
    error_t err = argp_parse(argp, argc, argv, 0, NULL, input);
    if (err != 0) {
        fprintf(stderr, "%s: %s\n", argv[0], strerror(err));
        exit(err == EINVAL ? EXIT_USAGE : EXIT_FAILED);
    }
}

static lode_err
parse_number(const char *text, double least, double most, const char *what, double *number_out)
{
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !isfinite(number) || number < least ||
        number > most) {
        return lode_fail_with(LODE_EINVAL, "'%s' is not %s", text, what);
    }
    *number_out = number;
    return LODE_OK;
}

lode_err
command_parse_cpus(const char *text, double *cpus_out)
{
    return parse_number(text, 0.0001, 8192, "a number of CPUs between 0.0001 and 8192", cpus_out);
}

lode_err
command_parse_seconds(const char *text, int64_t *ms_out)
{
    double seconds = 0;
    LODE_TRY(parse_number(text, 0, 1e9, "a number of seconds, 0 or more", &seconds));
    *ms_out = (int64_t)(seconds * 1000);
    return LODE_OK;
}
