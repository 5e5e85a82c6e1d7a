/* put.c: `storectl put FILE…`: files become named objects, .npy files arrays. */
#include "api/base/fail.h"
#include "tools/cli/attach.h"
#include "tools/cli/document.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/cli/word.h"
#include "tools/npy/source.h"
#include "tools/storectl/storectl.h"

#include <stdio.h>
#include <string.h>

enum { ROOM_MS = 5000 };

struct arguments {
    struct options_common common;
    const char *name; /* a word: NAME or SPACE/NAME; NULL: the file's stem */
    const char *space;
    bool replace, raw;
    int64_t timeout_ms;
};

static const struct argp_option options[] = {
    {"name", 'n', "NAME", 0, "name the object so (default: the file's name without its ending)", 0},
    {"space", 's', "SPACE", 0, "names go into this namespace", 0},
    {"replace", 'f', 0, 0, "take the name from the object that has it", 0},
    {"raw", 'r', 0, 0, "put a .npy file, too, as the bytes that it is", 0},
    {"timeout", 't', "SECONDS", 0, "wait so long for room in a full store (default 5)", 0},
    {0},
};

static void
check_arguments(const struct arguments *a, struct argp_state *state)
{
    if (a->common.count > 1 && a->name != NULL) {
        options_error(state, "--name is for one file, and here are %d", a->common.count);
    }
    for (int i = 0; i < a->common.count; i++) {
        if (strcmp(a->common.words[i], "-") == 0 && a->name == NULL) {
            options_error(state, "stdin has no name: give one with --name");
        }
    }
}

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        return 0;
    case 'n':
        a->name = arg;
        return 0;
    case 's':
        a->space = arg;
        return 0;
    case 'f':
        a->replace = true;
        return 0;
    case 'r':
        a->raw = true;
        return 0;
    case 't':
        options_timeout(state, arg, &a->timeout_ms);
        return 0;
    case ARGP_KEY_ARGS:
        options_words(state, &a->common);
        return 0;
    case ARGP_KEY_END:
        if (a->common.count == 0) {
            options_error(state, "which file? '-' is stdin");
        }
        check_arguments(a, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* "dir/x.tar.npy" gives "x.tar"; ".hidden" stays. */
static lode_err
name_of_file(const char *path, struct word *word)
{
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t length = dot != NULL && dot > base ? (size_t)(dot - base) : strlen(base);
    if (length == 0 || length > WORD_NAME_MAX) {
        return lode_fail_with(LODE_EINVAL, "'%.100s' gives no name: use --name", path);
    }
    memcpy(word->name, base, length);
    word->name[length] = '\0';
    return LODE_OK;
}

static lode_err
choose_name(const struct arguments *a, const char *path, struct word *word_out)
{
    struct word word = {0};
    if (a->name == NULL) {
        LODE_TRY(name_of_file(path, &word));
    } else {
        LODE_TRY(word_parse_new(a->name, &word));
    }
    if (a->space != NULL) {
        if (word.space[0] != '\0' || strlen(a->space) > WORD_NAME_MAX) {
            return lode_fail_with(LODE_EINVAL, "the namespace '%.40s' is too long, or one of two",
                                  a->space);
        }
        memcpy(word.space, a->space, strlen(a->space) + 1);
    }
    *word_out = word;
    return LODE_OK;
}

struct made {
    lode_id id;
    uint64_t size_bytes;
};

static lode_err
put_file(lode *db, const struct arguments *a, const char *path, const struct word *word,
         struct made *made_out)
{
    struct npy_source source;
    if (!a->replace) { /* before hundreds of megabytes are copied */
        LODE_TRY(word_must_be_free(db, word));
    }
    LODE_TRY(source_open(path, a->raw, &source));
    lode_err err = source_put(&source, db, a->timeout_ms, &made_out->id, &made_out->size_bytes);
    source_close(&source);
    LODE_TRY(err);
    return lode_name_set(db, word_space(word), word->name, made_out->id,
                         a->replace ? LODE_NAME_REPLACE : 0);
}

static void
tell(const struct arguments *a, const struct word *word, const struct made *made, json_t *all)
{
    char id[LODE_ID_TEXT_SIZE];
    lode_id_format(made->id, id);
    if (!a->common.json) {
        printf("%s\n", id);
        return;
    }
    json_array_append_new(all,
                          json_pack("{s:s, s:o, s:o, s:I}", "id", id, "space",
                                    document_text(word->space), "name", document_text(word->name),
                                    "size_bytes", (json_int_t)made->size_bytes));
}

static int
put_one(lode *db, const struct arguments *a, const char *path, json_t *all)
{
    struct word word;
    struct made made;
    lode_err err = choose_name(a, path, &word);
    if (err != LODE_OK) {
        return program_failed(err);
    }
    err = put_file(db, a, path, &word, &made);
    if (err != LODE_OK) {
        bool as_bytes = err == LODE_ECORRUPT || err == LODE_EUNSUPPORTED;
        return program_error(exit_code_of(err), "%s: %s%s", path, lode_last_error(),
                             as_bytes ? "; --raw puts its bytes as they are" : "");
    }
    tell(a, &word, &made, all);
    return EXIT_OK;
}

static int
put_all(lode *db, void *arguments)
{
    const struct arguments *a = arguments;
    int code = EXIT_OK;
    json_t *all = json_array();
    for (int i = 0; i < a->common.count && code != EXIT_NO_CLUSTER; i++) {
        int one = put_one(db, a, a->common.words[i], all);
        code = code == EXIT_OK || one == EXIT_NO_CLUSTER ? one : code;
    }
    if (a->common.json) {
        document_print(json_pack("{s:s, s:O}", "schema", "storectl.put/1", "objects", all));
    }
    json_decref(all);
    return code;
}

int
storectl_put(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse_option,
        "FILE...",
        "Puts files into the store and prints their ids: .npy files become arrays, others blobs. "
        "Each is named after its file; the name keeps it there.\v'-' is stdin, and needs --name.",
        options_dir_json,
        0,
        0};
    struct arguments a = {.timeout_ms = ROOM_MS};
    options_parse(&argp, argc, argv, &a);
    interrupts_catch();
    return attach_run(a.common.dir, LODE_OPEN_STORE_ONLY, put_all, &a);
}
