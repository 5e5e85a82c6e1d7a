/* wait.c: `storectl wait NAME|ID…`: until they are there. */
#include "tools/cli/options.h"
#include "tools/storectl/storectl.h"

#include "api/base/clock.h"

#include <stdio.h>
#include <stdlib.h>

struct arguments {
    struct storectl_common common;
    int64_t timeout_ms;
    bool json;
    char **words;
    int count;
};

static const struct argp_option options[] = {
    {"timeout", 't', "SECONDS", 0, "wait no longer (default: without limit)", 0},
    {"json", 'j', 0, 0, "one document, \"storectl.wait/1\"", 0},
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
        if (options_seconds(arg, &a->timeout_ms) != LODE_OK) {
            argp_error(state, "--timeout: %s", lode_last_error());
        }
        return 0;
    case 'j':
        a->json = true;
        return 0;
    case ARGP_KEY_ARGS:
        a->words = state->argv + state->next;
        a->count = state->argc - state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "for which objects? Give names or ids");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int
late(const char *text)
{
    return storectl_error("wait", EXIT_TIMEOUT, "time ran out, and '%s' is not there", text);
}

/* Ids of the words, names when they come into being. */
static int
resolve_all(lode *db, const struct arguments *a, int64_t deadline, lode_id *ids)
{
    for (int i = 0; i < a->count; i++) {
        struct storectl_word word;
        lode_err err = storectl_parse_word(a->words[i], &word);
        if (err != LODE_OK) {
            storectl_failed("wait", err);
            return EXIT_USAGE;
        }
        err = storectl_resolve(db, &word, lode_remaining_ms(deadline), &ids[i]);
        if (err == LODE_ENOTFOUND || err == LODE_ETIMEDOUT) {
            return late(a->words[i]);
        }
        if (err != LODE_OK) {
            return storectl_failed("wait", err);
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
    return storectl_error("wait", exit_code_of(err), "'%s': %s", text, lode_last_error());
}

static int
wait_all(lode *db, const struct arguments *a, int64_t deadline, const lode_id *ids, bool *ready)
{
    size_t count = (size_t)a->count;
    lode_err err = lode_wait(db, ids, count, count, lode_remaining_ms(deadline), ready, NULL);
    if (err == LODE_ETIMEDOUT) {
        int first = 0;
        while (first < a->count - 1 && ready[first]) {
            first++;
        }
        return late(a->words[first]);
    }
    if (err != LODE_OK) {
        return storectl_failed("wait", err);
    }
    int code = EXIT_OK;
    for (int i = 0; i < a->count; i++) {
        int one = check_one(db, a->words[i], ids[i]);
        code = code == EXIT_OK ? one : code;
    }
    return code;
}

static void
print_ids(const struct arguments *a, const lode_id *ids)
{
    json_t *all = json_array();
    for (int i = 0; i < a->count; i++) {
        char id[LODE_ID_TEXT_SIZE];
        lode_id_format(ids[i], id);
        if (a->json) {
            json_array_append_new(all, json_pack("{s:s, s:s}", "word", a->words[i], "id", id));
        } else {
            printf("%s\n", id);
        }
    }
    if (a->json) {
        json_t *document = json_pack("{s:s, s:O}", "schema", "storectl.wait/1", "objects", all);
        json_dumpf(document, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(document);
    }
    json_decref(all);
}

int
storectl_wait(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse_option,
                                     "NAME|ID...",
                                     "Waits until all of these objects are there, and prints "
                                     "their ids.",
                                     storectl_children,
                                     0,
                                     0};
    struct arguments a = {.timeout_ms = LODE_FOREVER};
    lode *db;
    options_parse(&argp, argc, argv, &a);
    storectl_catch_interrupts();
    int64_t deadline = lode_deadline(a.timeout_ms);
    lode_err err = storectl_open(&a.common, &db);
    if (err != LODE_OK) {
        return storectl_failed("wait", err);
    }
    lode_id *ids = calloc((size_t)a.count, sizeof *ids);
    bool *ready = calloc((size_t)a.count, sizeof *ready);
    int code = EXIT_FAILED;
    if (ids == NULL || ready == NULL) {
        code = storectl_error("wait", EXIT_FAILED, "no memory");
    } else {
        code = resolve_all(db, &a, deadline, ids);
        code = code == EXIT_OK ? wait_all(db, &a, deadline, ids, ready) : code;
    }
    if (code == EXIT_OK) {
        print_ids(&a, ids);
    }
    free(ids);
    free(ready);
    lode_close(db);
    return code;
}
