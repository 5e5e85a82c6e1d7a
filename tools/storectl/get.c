/* get.c: `storectl get NAME|ID [-o FILE]`: an object's bytes, arrays as .npy. */
#include "api/base/clock.h"
#include "api/base/fail.h"
#include "tools/cli/attach.h"
#include "tools/cli/describe.h"
#include "tools/cli/document.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/cli/whole_file.h"
#include "tools/cli/word.h"
#include "tools/npy/npy_io.h"
#include "tools/storectl/storectl.h"

#include <string.h>
#include <unistd.h>

struct arguments {
    struct options_common common;
    struct word word;
    const char *output;
    int64_t timeout_ms;
    bool raw;
};

static const struct argp_option options[] = {
    {"output", 'o', "FILE", 0, "write here ('-', the default: stdout)", 0},
    {"raw", 'r', 0, 0, "an array, too, as the bytes that it has in memory", 0},
    {"timeout", 't', "SECONDS", 0, "wait so long for the object (default 0)", 0},
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
    case 'o':
        a->output = arg;
        return 0;
    case 'r':
        a->raw = true;
        return 0;
    case 't':
        options_timeout(state, arg, &a->timeout_ms);
        return 0;
    case ARGP_KEY_ARG:
        if (a->word.text != NULL) {
            options_error(state, "one object, not two: '%s' and '%s'", a->word.text, arg);
        } else if (word_parse(arg, &a->word) != LODE_OK) {
            options_error(state, "%s", lode_last_error());
        }
        return 0;
    case ARGP_KEY_END:
        if (a->common.json && strcmp(a->output, "-") == 0) {
            options_error(state, "stdout takes either --json or the object: give --output FILE");
        }
        return 0;
    case ARGP_KEY_NO_ARGS:
        options_error(state, "which object? Give its name or id");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

struct written {
    const lode_view *view;
    bool raw;
};

static lode_err
write_view(int fd, const void *arg)
{
    const struct written *w = arg;
    if (w->view->kind == LODE_KIND_ARRAY && !w->raw) {
        return npy_write(fd, &w->view->array, w->view->data);
    }
    return npy_write_all(fd, w->view->data, w->view->size);
}

/* The time is for the name as well as for its object. */
static lode_err
get_view(lode *db, const struct word *word, int64_t timeout_ms, lode_view *view_out)
{
    int64_t deadline = lode_deadline(timeout_ms);
    lode_id id;
    bool named;
    LODE_TRY(word_resolve(db, word, timeout_ms, &id, &named));
    lode_err err = lode_get(db, id, lode_remaining_ms(deadline), view_out);
    if (named) {
        lode_drop(db, id); /* the view pins it */
    }
    return err;
}

static void
print_document(const lode_view *view, const char *path)
{
    char id[LODE_ID_TEXT_SIZE];
    lode_id_format(view->id, id);
    document_print(json_pack("{s:s, s:s, s:s, s:o, s:I}", "schema", "storectl.get/1", "id", id,
                             "kind", describe_kind(view->kind), "path", document_text(path),
                             "size_bytes", (json_int_t)view->size));
}

static int
get(lode *db, void *arguments)
{
    const struct arguments *a = arguments;
    lode_view view;
    lode_err err = get_view(db, &a->word, a->timeout_ms, &view);
    /* Without time to wait, what is not there yet and what never was look alike. */
    if (err == LODE_ENOTFOUND || (err == LODE_ETIMEDOUT && a->timeout_ms == 0)) {
        err = word_not_found(db, a->word.text);
    }
    if (err != LODE_OK) {
        return program_failed(err);
    }
    if (strcmp(a->output, "-") == 0 && isatty(STDOUT_FILENO)) {
        program_error(EXIT_USAGE,
                      "stdout is a terminal, and these are %zu bytes for programs: use "
                      "-o FILE, or a pipe",
                      view.size);
        lode_release(&view);
        return EXIT_USAGE;
    }
    struct written written = {.view = &view, .raw = a->raw};
    err = whole_file_write(a->output, write_view, &written);
    if (err == LODE_OK && a->common.json) {
        print_document(&view, a->output);
    }
    lode_release(&view);
    return err == LODE_OK ? EXIT_OK : program_failed(err);
}

int
storectl_get(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse_option,
        "NAME|ID",
        "Writes an object's bytes; an array as a .npy file, unless --raw is given.",
        options_dir_json,
        0,
        0};
    struct arguments a = {.output = "-"};
    options_parse(&argp, argc, argv, &a);
    interrupts_catch();
    return attach_run(a.common.dir, LODE_OPEN_STORE_ONLY, get, &a);
}
