/* common.c: what the commands share. See storectl.h. */
#include "tools/storectl/storectl.h"

#include "api/base/fail.h"
#include "tools/cli/suggest.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct argp_option options[] = {
    {"dir", 'd', "DIR", 0, "the cluster in this directory (default: $LODE_DIR, or the user's)", 1},
    {0},
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct storectl_common *common = state->input;
    if (key != 'd') {
        return ARGP_ERR_UNKNOWN;
    }
    common->dir = arg;
    return 0;
}

static const struct argp common_argp = {options, parse_option, 0, 0, 0, 0, 0};
const struct argp_child storectl_children[] = {{&common_argp, 0, 0, 0}, {0}};

lode_err
storectl_open(const struct storectl_common *common, lode **db_out)
{
    lode_open_options open = {.struct_size = sizeof open,
                              .flags = LODE_OPEN_ATTACH | LODE_OPEN_STORE_ONLY};
    return lode_open(common->dir, &open, db_out);
}

int
storectl_failed(const char *command, lode_err err)
{
    const char *sentence = lode_last_error();
    fprintf(stderr, "storectl %s: %s\n", command,
            sentence[0] != '\0' ? sentence : lode_err_text(err));
    return exit_code_of(err);
}

int
storectl_error(const char *command, int exit_code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "storectl %s: ", command);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return exit_code;
}

/* ---- words -------------------------------------------------------------------------------------- */

lode_err
storectl_parse_word(const char *text, struct storectl_word *word_out)
{
    struct storectl_word word = {.text = text};
    const char *slash = strchr(text, '/'), *name = slash != NULL ? slash + 1 : text;
    if (strlen(text) == LODE_ID_TEXT_SIZE - 1 && lode_id_parse(text, &word.id) == LODE_OK) {
        if (lode_id_is_zero(word.id)) {
            return lode_fail_with(LODE_EINVAL, "an id of zeros names no object");
        }
        word.is_id = true;
        *word_out = word;
        return LODE_OK;
    }
    size_t space_size = slash != NULL ? (size_t)(slash - text) : 0;
    if (*name == '\0' || (slash != NULL && space_size == 0) || strchr(name, '/') != NULL) {
        return lode_fail_with(LODE_EINVAL,
                              "'%.100s' names no object: write an id of 32 hex digits, NAME, or "
                              "SPACE/NAME",
                              text);
    }
    if (space_size > STORECTL_NAME_MAX || strlen(name) > STORECTL_NAME_MAX) {
        return lode_fail_with(LODE_EINVAL, "the name '%.40s…' is longer than %d bytes", text,
                              STORECTL_NAME_MAX);
    }
    memcpy(word.space, text, space_size);
    memcpy(word.name, name, strlen(name));
    *word_out = word;
    return LODE_OK;
}

const char *
storectl_space(const struct storectl_word *word)
{
    return word->space[0] != '\0' ? word->space : NULL;
}

lode_err
storectl_resolve(lode *db, const struct storectl_word *word, int64_t timeout_ms, lode_id *id_out)
{
    if (word->is_id) {
        *id_out = word->id;
        return LODE_OK;
    }
    return lode_name_lookup(db, storectl_space(word), word->name, timeout_ms, id_out);
}

/* ---- what was meant ------------------------------------------------------------------------------ */

enum { MEANT_MAX = 1000 };

struct names {
    char *text[MEANT_MAX];
    size_t count;
};

static bool
note_name(const char *space, const char *name, lode_id id, void *arg)
{
    struct names *names = arg;
    bool is_default = space == NULL || space[0] == '\0';
    (void)id;
    if (asprintf(&names->text[names->count], "%s%s%s", is_default ? "" : space,
                 is_default ? "" : "/", name) >= 0) {
        names->count++;
    }
    return names->count < MEANT_MAX;
}

int
storectl_not_found(const char *command, lode *db, const char *word)
{
    struct names names = {.count = 0};
    const char *meant = NULL;
    if (lode_name_list(db, NULL, note_name, &names) == LODE_OK) {
        meant = suggest(word, (const char *const *)names.text, names.count);
    }
    if (meant != NULL) {
        fprintf(stderr, "storectl %s: there is no object '%s'; did you mean '%s'?\n", command, word,
                meant);
    } else {
        fprintf(stderr, "storectl %s: there is no object '%s'\n", command, word);
    }
    for (size_t i = 0; i < names.count; i++) {
        free(names.text[i]);
    }
    return EXIT_NOT_FOUND;
}

/* ---- interrupts ----------------------------------------------------------------------------------- */

static const char *volatile temporary;

static void
on_interrupt(int number)
{
    if (temporary != NULL) {
        unlink(temporary);
    }
    _exit(128 + number);
}

void
storectl_catch_interrupts(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction action = {.sa_handler = on_interrupt}, old;
        /* What a shell lets a background job ignore stays ignored. */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            sigaction(numbers[i], &action, NULL);
        }
    }
}

void
storectl_temporary(const char *path)
{
    temporary = path;
}
