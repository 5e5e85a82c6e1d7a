/* wait.c: `storectl wait NAME|ID…`: until they are there. */
#include "api/base/clock.h"
#include "tools/cli/attach.h"
#include "tools/cli/document.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/cli/word.h"
#include "tools/storectl/storectl.h"

#include <stdio.h>
#include <stdlib.h>

struct arguments {
    struct options_common common;
    int64_t timeout_ms;
};

static const struct argp_option options[] = {
    {"timeout", 't', "SECONDS", 0, "wait no longer (default: without limit)", 0},
    {0},
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        return 0;
    case 't':
        options_timeout(state, arg, &a->timeout_ms);
        return 0;
    case ARGP_KEY_ARGS:
        options_words(state, &a->common);
        return 0;
    case ARGP_KEY_NO_ARGS:
        options_error(state, "for which objects? Give names or ids");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int
late(const char *text)
{
    return program_error(EXIT_TIMEOUT, "time ran out, and '%s' is not there", text);
}

/* Ids of the words, names when they come into being. */
static int
resolve_all(lode *db, const struct arguments *a, int64_t deadline, lode_id *ids)
{
    for (int i = 0; i < a->common.count; i++) {
        struct word word;
        bool named;
        lode_err err = word_parse(a->common.words[i], &word);
        if (err == LODE_OK) {
            err = word_resolve(db, &word, lode_remaining_ms(deadline), &ids[i], &named);
        }
        if (err == LODE_ENOTFOUND || err == LODE_ETIMEDOUT) {
            return late(a->common.words[i]);
        }
        if (err != LODE_OK) {
            return program_failed(err);
        }
    }
    return EXIT_OK;
}

/* An object that is there may be an error, or gone: a get that does not wait tells. */
static int
check_one(lode *db, const char *text, lode_id id)
{
    lode_view view;
    lode_err err = lode_get(db, id, 0, &view);
    if (err == LODE_OK) {
        lode_release(&view);
        return EXIT_OK;
    }
    return program_error(exit_code_of(err), "'%s': %s", text, lode_last_error());
}

static int
wait_all(lode *db, const struct arguments *a, int64_t deadline, const lode_id *ids, bool *ready)
{
    size_t count = (size_t)a->common.count;
    lode_err err = lode_wait(db, ids, count, count, lode_remaining_ms(deadline), ready, NULL);
    if (err == LODE_ETIMEDOUT) {
        int first = 0;
        while (first < a->common.count - 1 && ready[first]) {
            first++;
        }
        return late(a->common.words[first]);
    }
    if (err != LODE_OK) {
        return program_failed(err);
    }
    int code = EXIT_OK;
    for (int i = 0; i < a->common.count; i++) {
        int one = check_one(db, a->common.words[i], ids[i]);
        code = code == EXIT_OK ? one : code;
    }
    return code;
}

static void
print_ids(const struct arguments *a, const lode_id *ids)
{
    json_t *all = json_array();
    for (int i = 0; i < a->common.count; i++) {
        char id[LODE_ID_TEXT_SIZE];
        lode_id_format(ids[i], id);
        if (a->common.json) {
            json_array_append_new(
                all, json_pack("{s:o, s:s}", "word", document_text(a->common.words[i]), "id", id));
        } else {
            printf("%s\n", id);
        }
    }
    if (a->common.json) {
        document_print(json_pack("{s:s, s:O}", "schema", "storectl.wait/1", "objects", all));
    }
    json_decref(all);
}

static int
wait_for(lode *db, void *arguments)
{
    const struct arguments *a = arguments;
    int64_t deadline = lode_deadline(a->timeout_ms);
    lode_id *ids = calloc((size_t)a->common.count, sizeof *ids);
    bool *ready = calloc((size_t)a->common.count, sizeof *ready);
    int code = EXIT_FAILED;
    if (ids == NULL || ready == NULL) {
        code = program_error(EXIT_FAILED, "no memory");
    } else {
        code = resolve_all(db, a, deadline, ids);
        code = code == EXIT_OK ? wait_all(db, a, deadline, ids, ready) : code;
    }
    if (code == EXIT_OK) {
        print_ids(a, ids);
    }
    free(ids);
    free(ready);
    return code;
}

int
storectl_wait(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse_option,
                                     "NAME|ID...",
                                     "Waits until all of these objects are there, and prints "
                                     "their ids.",
                                     options_dir_json,
                                     0,
                                     0};
    struct arguments a = {.timeout_ms = LODE_FOREVER};
    options_parse(&argp, argc, argv, &a);
    interrupts_catch();
    return attach_run(a.common.dir, LODE_OPEN_STORE_ONLY, wait_for, &a);
}
