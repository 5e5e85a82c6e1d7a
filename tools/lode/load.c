#include "api/wire/task_msg.h"
#include "tools/lode/library_name.h"
#include "tools/lode/session.h"

#include <jansson.h>
#include <stdio.h>

enum { OPTION_JSON = 0x100 };

struct load_options {
    const char *dir;
    const char *path;
    bool json;
};

static const struct argp_option options[] = {
    {"dir", 'd', "DIR", 0, "directory of the cluster (default: $LODE_DIR, or the user's own)", 0},
    {"json", OPTION_JSON, 0, 0, "print one JSON document", 0},
    {0},
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct load_options *wanted = state->input;
    switch (key) {
    case 'd':
        wanted->dir = arg;
        return 0;
    case OPTION_JSON:
        wanted->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (wanted->path != NULL) {
            argp_error(state, "'%s' is one argument too many", arg);
        }
        wanted->path = arg;
        return 0;
    case ARGP_KEY_END:
        if (wanted->path == NULL) {
            argp_error(state, "which library?");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse_option,
    "LIBRARY.so",
    "Register a task library with the running cluster, in the version that the file has now. Its "
    "functions are then called as NAME.FUNCTION, where NAME is printed."
    "\vExit status: 0 registered, 1 it cannot be loaded, 5 no cluster runs.",
    0,
    0,
    0};

static void
print_loaded(const char *name, const char *path, bool json)
{
    if (!json) {
        printf("%s\n", name);
        return;
    }
    json_t *document =
        json_pack("{s:s, s:s, s:s}", "schema", "lode.load/1", "name", name, "path", path);
    json_dumpf(document, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(document);
}

int
command_load(int argc, char **argv)
{
    struct load_options wanted = {0};
    char name[LODE_TASK_NAME_MAX + 1];
    lode_open_options open = {.struct_size = sizeof open, .flags = LODE_OPEN_ATTACH};
    lode *db = NULL;
    command_parse(&argp, argc, argv, &wanted);
    lode_err err = lode_open(wanted.dir, &open, &db);
    if (err == LODE_OK) {
        err = library_load(db, wanted.path, name, sizeof name);
    }
    int exit_code = err == LODE_OK ? EXIT_OK : command_failed("load", err);
    if (err == LODE_OK) {
        print_loaded(name, wanted.path, wanted.json);
    }
    lode_close(db);
    return exit_code;
}
