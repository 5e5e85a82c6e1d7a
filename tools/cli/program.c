#include "tools/cli/program.h"

#include "api/system/descriptor.h"
#include "api/base/fail.h"
#include "api/base/printable.h"
#include "api/base/suggest.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lode/lode.h>

enum { COMMANDS_MAX = 32 };

/* ---- what is wrong, on stderr ---------------------------------------------------------------- */

int
program_failed(lode_err err)
{
    const char *sentence = lode_last_error();
    return program_error(exit_code_of(err), "%s",
                         sentence[0] != '\0' ? sentence : lode_err_text(err));
}

int
program_error(int exit_code, const char *format, ...)
{
    char sentence[2 * LODE_FAIL_MAX], shown[sizeof sentence];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    lode_printable(sentence, size > 0 ? strlen(sentence) : 0, 0, shown, sizeof shown);
    fprintf(stderr, "%s: %s\n", program_invocation_name, shown);
    return exit_code;
}

/* ---- the commands ---------------------------------------------------------------------------- */

static void
print_help(const struct program *program, FILE *out)
{
    fprintf(out, "Usage: %s COMMAND [OPTION...]\n%s\n", program->name, program->about);
    for (const struct command *c = program->commands; c->name != NULL; c++) {
        fprintf(out, "  %-11s %s\n", c->name, c->summary);
    }
    fprintf(out,
            "\n%s"
            "`%s COMMAND --help` tells more of each. Data go to stdout, the rest to stderr.\n"
            "Exit status: 0 ok, 1 failed, 2 usage, 3 not found, 4 timeout, 5 no cluster, 6 full,\n"
            "7 corrupt, 8 denied, 128 + N ended by signal N.\n",
            program->notes, program->name);
}

static int
unknown(const struct program *program, const char *name)
{
    const char *names[COMMANDS_MAX + 1];
    size_t count = 0;
    for (const struct command *c = program->commands; c->name != NULL && count < COMMANDS_MAX;
         c++) {
        names[count++] = c->name;
    }
    names[count++] = "help";
    if (name[0] == '-') {
        return program_error(EXIT_USAGE, "the command comes before its options: %s COMMAND %s",
                             program->name, name);
    }
    const char *meant = lode_suggest(name, names, count);
    return meant != NULL ? program_error(EXIT_USAGE, "there is no command '%s'; did you mean '%s'?",
                                         name, meant)
                         : program_error(EXIT_USAGE, "there is no command '%s'; see `%s help`",
                                         name, program->name);
}

static const struct command *
find(const struct program *program, const char *name)
{
    for (const struct command *c = program->commands; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

static int
run(const struct program *program, const char *name, int argc, char **argv)
{
    static char full_name[64];
    const struct command *command = find(program, name);
    if (command == NULL) {
        return unknown(program, name);
    }
    snprintf(full_name, sizeof full_name, "%s %s", program->name, command->name);
    argv[0] = full_name;
    program_invocation_name = full_name;
    program_invocation_short_name = full_name;
    return command->run(argc, argv);
}

static bool
is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
           strcmp(word, "-?") == 0;
}

static int
choose(const struct program *program, int argc, char **argv)
{
    static char ask[] = "--help";
    if (argc < 2) {
        print_help(program, stderr);
        return EXIT_USAGE;
    }
    if (is_help(argv[1]) && (argc < 3 || is_help(argv[2]))) {
        print_help(program, stdout);
        return EXIT_OK;
    }
    if (is_help(argv[1])) { /* `lode help start` is `lode start --help` */
        char *asking[] = {argv[0], ask, NULL};
        return run(program, argv[2], 2, asking);
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("%s %s\n", program->name, lode_version());
        return EXIT_OK;
    }
    return run(program, argv[1], argc - 1, argv + 1);
}

/* ---- stdout --------------------------------------------------------------------------------- */

/* Not at the end of main(): argp prints its help and ends the program itself. */
static void
check_stdout(void)
{
    bool failed = ferror(stdout) != 0;
    if (fflush(stdout) != 0 || failed) {
        _exit(program_failed(lode_fail_errno("cannot write to stdout")));
    }
}

int
program_run(const struct program *program, int argc, char **argv)
{
    static char name[32];
    lode_descriptor_fill_stdio();
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow (ulimit -f) is an error that is said */
    snprintf(name, sizeof name, "%s", program->name);
    program_invocation_name = name;
    program_invocation_short_name = name;
    atexit(check_stdout);
    return choose(program, argc, argv);
}
