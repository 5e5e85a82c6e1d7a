#include "api/base/fail.h"
#include "api/wire/task_msg.h"
#include "tools/cli/attach.h"
#include "tools/cli/document.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/lode/calls/commands.h"
#include "tools/lode/calls/library_name.h"

#include <stdio.h>

enum { OPTION_REPLACE = 0x100 };

struct load_options {
    struct options_common common;
    const char *path;
    uint32_t flags; /* LODE_LOAD_… */
};

static const struct argp_option options[] = {
    {"replace", OPTION_REPLACE, 0, 0,
     "the library takes the name from one that was loaded from another file", 0},
    {0},
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct load_options *wanted = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &wanted->common;
        return 0;
    case OPTION_REPLACE:
        wanted->flags |= LODE_LOAD_REPLACE;
        return 0;
    case ARGP_KEY_ARG:
        if (wanted->path != NULL) {
            options_one_too_many(state, arg);
        }
        wanted->path = arg;
        return 0;
    case ARGP_KEY_END:
        if (wanted->path == NULL) {
            options_error(state, "which library?");
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
    "Offer a task library to all programs of the running cluster, in the version that the file has "
    "now. Its functions are then called as NAME.FUNCTION, where NAME is printed. A program that "
    "has loaded a library of that name itself keeps its own."
    "\vExit status: 0 offered, 1 it cannot be loaded, 3 it is not there, 5 no cluster runs.",
    options_dir_json,
    0,
    0};

static int
load(lode *db, void *arguments)
{
    const struct load_options *wanted = arguments;
    char name[LODE_TASK_NAME_MAX + 1];
    lode_err err = library_load(db, wanted->path, wanted->flags, name, sizeof name);
    if (err == LODE_EEXIST) {
        err = lode_fail_with(err, "%s; --replace gives it the name", lode_last_error());
    }
    if (err != LODE_OK) {
        return program_failed(err);
    }
    if (wanted->common.json) {
        document_print(json_pack("{s:s, s:s, s:o}", "schema", "lode.load/1", "name", name, "path",
                                 document_text(wanted->path)));
    } else {
        printf("%s\n", name);
    }
    return EXIT_OK;
}

int
command_load(int argc, char **argv)
{
    struct load_options wanted = {.flags = LODE_LOAD_FOR_ALL};
    options_parse(&argp, argc, argv, &wanted);
    return attach_run(wanted.common.dir, 0, load, &wanted);
}
