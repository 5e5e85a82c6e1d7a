/* main.c: `storectl COMMAND …`: finds the command, or the one that was meant. */
#include "tools/cli/suggest.h"
#include "tools/storectl/storectl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct storectl_command commands[] = {
    {"ls", storectl_ls, "list the objects"},
    {"stat", storectl_stat, "describe objects, or the store"},
    {"get", storectl_get, "write an object to a file or to stdout"},
    {"put", storectl_put, "put files, or stdin, as named objects"},
    {"rm", storectl_rm, "remove names or objects"},
    {"wait", storectl_wait, "wait until objects are there"},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void
print_help(FILE *out)
{
    fputs("Usage: storectl COMMAND [OPTION...]\n"
          "Inspects and drives the object store of a running cluster.\n\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
    }
    fputs("\nAn object is named by its id (32 hex digits), by NAME, or by SPACE/NAME.\n"
          "`storectl COMMAND --help` tells more of each. Data go to stdout, the rest to stderr.\n"
          "Exit status: 0 ok, 1 failed, 2 usage, 3 not found, 4 timeout, 5 no cluster, 6 full,\n"
          "7 corrupt, 8 denied, 130 interrupted.\n",
          out);
}

static int
unknown(const char *name)
{
    const char *names[COMMANDS + 1];
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
    }
    names[COMMANDS] = "help";
    const char *meant = suggest(name, names, COMMANDS + 1);
    if (meant != NULL) {
        fprintf(stderr, "storectl: there is no command '%s'; did you mean '%s'?\n", name, meant);
    } else {
        fprintf(stderr, "storectl: there is no command '%s'; see `storectl help`\n", name);
    }
    return EXIT_USAGE;
}

static const struct storectl_command *
find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* What was printed must have arrived: a full disk is an error, not a silent loss. */
static int
finish(int code)
{
    bool failed = ferror(stdout) != 0;
    if ((fclose(stdout) != 0 || failed) && code == EXIT_OK) {
        fprintf(stderr, "storectl: cannot write to stdout: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    return code;
}

static int
run(const struct storectl_command *command, int argc, char **argv)
{
    char name[32];
    snprintf(name, sizeof name, "storectl %s", command->name);
    argv[0] = name;
    return finish(command->run(argc, argv));
}

/* `storectl help get` is `storectl get --help`. */
static int
help(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stdout);
        return finish(EXIT_OK);
    }
    const struct storectl_command *command = find(argv[1]);
    char option[] = "--help";
    char *ask[] = {argv[0], option, NULL};
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
        printf("storectl %s\n", lode_version());
        return finish(EXIT_OK);
    }
    const struct storectl_command *command = find(argv[1]);
    return command != NULL ? run(command, argc - 1, argv + 1) : unknown(argv[1]);
}
