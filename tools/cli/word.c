#include "tools/cli/word.h"

#include "api/base/fail.h"
#include "tools/cli/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

lode_err
word_parse(const char *text, struct word *word_out)
{
    struct word word = {.text = text};
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
    if (space_size > WORD_NAME_MAX || strlen(name) > WORD_NAME_MAX) {
        return lode_fail_with(LODE_EINVAL, "the name '%.40s…' is longer than %d bytes", text,
                              WORD_NAME_MAX);
    }
    memcpy(word.space, text, space_size);
    memcpy(word.name, name, strlen(name));
    *word_out = word;
    return LODE_OK;
}

const char *
word_space(const struct word *word)
{
    return word->space[0] != '\0' ? word->space : NULL;
}

lode_err
word_resolve(lode *db, const struct word *word, int64_t timeout_ms, lode_id *id_out)
{
    if (word->is_id) {
        *id_out = word->id;
        return LODE_OK;
    }
    return lode_name_lookup(db, word_space(word), word->name, timeout_ms, id_out);
}

/*
 * ---- what was meant
 * ------------------------------------------------------------------------------
 */

enum { MEANT_MAX = 1000 };

struct names {
    char *text[MEANT_MAX];
    size_t count;
};

char *
word_of_name(const char *space, const char *name)
{
    char *text = NULL;
    bool is_default = space == NULL || space[0] == '\0';
    return asprintf(&text, "%s%s%s", is_default ? "" : space, is_default ? "" : "/", name) < 0
               ? NULL
               : text;
}

static bool
note_name(const char *space, const char *name, lode_id id, void *arg)
{
    struct names *names = arg;
    (void)id;
    names->text[names->count] = word_of_name(space, name);
    if (names->text[names->count] != NULL) {
        names->count++;
    }
    return names->count < MEANT_MAX;
}

/* The object may have the stem of the file's name: `storectl put x.npy` makes x. */
static const char *
named_as_file(const struct names *names, const char *text)
{
    const char *dot = strrchr(text, '.');
    size_t length = dot != NULL ? (size_t)(dot - text) : 0;
    for (size_t i = 0; i < names->count && length > 0; i++) {
        if (strncmp(names->text[i], text, length) == 0 && names->text[i][length] == '\0') {
            return names->text[i];
        }
    }
    return NULL;
}

lode_err
word_not_found(lode *db, const char *text)
{
    struct names names = {.count = 0};
    const char *meant = NULL;
    if (lode_name_list(db, NULL, note_name, &names) == LODE_OK) {
        meant = named_as_file(&names, text);
        meant = meant != NULL ? meant : suggest(text, (const char *const *)names.text, names.count);
    }
    lode_err err = meant != NULL
                       ? lode_fail_with(LODE_ENOTFOUND,
                                        "there is no object '%s'; did you mean '%s'?", text, meant)
                       : lode_fail_with(LODE_ENOTFOUND, "there is no object '%s'", text);
    for (size_t i = 0; i < names.count; i++) {
        free(names.text[i]);
    }
    return err;
}
