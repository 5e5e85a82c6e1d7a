/* rm.c: `storectl rm NAME|ID…`: names go, or objects. */
#include "tools/cli/options.h"
#include "tools/storectl/storectl.h"

struct arguments {
    struct storectl_common common;
    bool force;
    char **words;
    int count;
};

static const struct argp_option options[] = {
    {"force", 'f', 0, 0, "what is not there is no error", 0},
    {0},
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        return 0;
    case 'f':
        a->force = true;
        return 0;
    case ARGP_KEY_ARGS:
        a->words = state->argv + state->next;
        a->count = state->argc - state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which objects? Give names or ids");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int
remove_word(lode *db, const char *text, bool force)
{
    struct storectl_word word;
    lode_err err = storectl_parse_word(text, &word);
    if (err != LODE_OK) {
        storectl_failed("rm", err);
        return EXIT_USAGE;
    }
    err = word.is_id ? lode_delete(db, word.id)
                     : lode_name_remove(db, storectl_space(&word), word.name);
    if (err == LODE_EGONE || err == LODE_ENOTFOUND) {
        return force ? EXIT_OK : storectl_not_found("rm", db, text);
    }
    return err == LODE_OK ? EXIT_OK : storectl_failed("rm", err);
}

int
storectl_rm(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse_option,
        "NAME|ID...",
        "Removes names: an object that nobody else refers to goes with its last one. An id removes "
        "the object itself, whoever refers to it; those who have it pinned keep their bytes.",
        storectl_children,
        0,
        0};
    struct arguments a = {0};
    lode *db;
    int code = EXIT_OK;
    options_parse(&argp, argc, argv, &a);
    lode_err err = storectl_open(&a.common, &db);
    if (err != LODE_OK) {
        return storectl_failed("rm", err);
    }
    for (int i = 0; i < a.count; i++) {
        int one = remove_word(db, a.words[i], a.force);
        code = code == EXIT_OK ? one : code;
    }
    lode_close(db);
    return code;
}
