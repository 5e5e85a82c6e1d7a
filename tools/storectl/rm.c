/* rm.c: `storectl rm NAME|ID…`: names go, or objects. */
#include "tools/cli/attach.h"
#include "tools/cli/document.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/cli/word.h"
#include "tools/storectl/storectl.h"

struct arguments {
    struct options_common common;
    bool force;
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
        options_words(state, &a->common);
        return 0;
    case ARGP_KEY_NO_ARGS:
        options_error(state, "which objects? Give names or ids");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What was removed: the name, or the object itself. */
static json_t *
removed_json(const char *text, lode_id id, bool named)
{
    char digits[LODE_ID_TEXT_SIZE];
    lode_id_format(id, digits);
    return json_pack("{s:o, s:s, s:s}", "word", document_text(text), "removed",
                     named ? "name" : "object", "id", digits);
}

static int
remove_word(lode *db, const char *text, bool force, json_t *all)
{
    struct word word;
    lode_id id;
    bool named;
    lode_err err = word_parse(text, &word);
    if (err != LODE_OK) {
        return program_failed(err);
    }
    err = word_resolve(db, &word, 0, &id, &named);
    if (err == LODE_OK && named) {
        err = lode_name_remove(db, word_space(&word), word.name);
        lode_drop(db, id); /* ours: the object is to go with its last name */
    } else if (err == LODE_OK) {
        err = lode_delete(db, id);
    }
    if (err == LODE_OK) {
        json_array_append_new(all, removed_json(text, id, named));
    }
    bool missing = err == LODE_EGONE || err == LODE_ENOTFOUND;
    if (missing && force) {
        return EXIT_OK;
    }
    err = missing ? word_not_found(db, text) : err;
    return err == LODE_OK ? EXIT_OK : program_failed(err);
}

static int
remove_all(lode *db, void *arguments)
{
    const struct arguments *a = arguments;
    int code = EXIT_OK;
    json_t *all = json_array();
    for (int i = 0; i < a->common.count; i++) {
        int one = remove_word(db, a->common.words[i], a->force, all);
        code = code == EXIT_OK ? one : code;
    }
    if (a->common.json) {
        document_print(json_pack("{s:s, s:O}", "schema", "storectl.rm/1", "removed", all));
    }
    json_decref(all);
    return code;
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
        options_dir_json,
        0,
        0};
    struct arguments a = {0};
    options_parse(&argp, argc, argv, &a);
    return attach_run(a.common.dir, LODE_OPEN_STORE_ONLY, remove_all, &a);
}
