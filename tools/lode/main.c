/* main.c: `lode COMMAND …`: finds the command, or the one that was meant. */
#include "tools/cli/suggest.h"
#include "tools/lode/command.h"

#include <stdio.h>
#include <string.h>

enum { COMMANDS_MAX = 32 };

static void
print_help(FILE *out)
{
    fputs("Usage: lode COMMAND [OPTION...]\n"
          "Shared memory objects, and tasks that run over them in place.\n\n",
          out);
    for (const struct command *c = commands; c->name != NULL; c++) {
        fprintf(out, "  %-8s %s\n", c->name, c->summary);
    }
    fputs("\n`lode COMMAND --help` tells more of each. Data go to stdout, the rest to stderr.\n"
          "Exit status: 0 ok, 1 failed, 2 usage, 3 not found, 4 timeout, 5 no cluster, 6 full,\n"
          "7 corrupt, 8 denied, 130 interrupted.\n",
          out);
}

static int
unknown(const char *name)
{
    const char *names[COMMANDS_MAX];
    size_t count = 0;
    for (const struct command *c = commands; c->name != NULL; c++) {
        names[count++] = c->name;
    }
    names[count++] = "help";
    const char *meant = suggest(name, names, count);
    if (meant != NULL) {
        fprintf(stderr, "lode: there is no command '%s'; did you mean '%s'?\n", name, meant);
    } else {
        fprintf(stderr, "lode: there is no command '%s'; see `lode help`\n", name);
    }
    return EXIT_USAGE;
}

static const struct command *
find(const char *name)
{
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

static int
run(const struct command *command, int argc, char **argv)
{
    char name[32];
    snprintf(name, sizeof name, "lode %s", command->name);
    argv[0] = name;
    return command->run(argc, argv);
}

/* `lode help start` is `lode start --help`. */
static int
help(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stdout);
        return EXIT_OK;
    }
    const struct command *command = find(argv[1]);
    char ask_help[] = "--help";
    char *ask[] = {argv[0], ask_help, NULL};
    return command != NULL ? run(command, 2, ask) : unknown(argv[1]);
}

int
main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        return help(argc - 1, argv + 1);
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("lode %s\n", lode_version());
        return EXIT_OK;
    }
    const struct command *command = find(argv[1]);
    return command != NULL ? run(command, argc - 1, argv + 1) : unknown(argv[1]);
}
