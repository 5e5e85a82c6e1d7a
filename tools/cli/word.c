#include "tools/cli/word.h"

#include "api/base/fail.h"
#include "api/base/suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- parsing ------------------------------------------------------------------------------- */

enum { ID_DIGITS = LODE_ID_TEXT_SIZE - 1 };

/* True if the `length` characters are so many hex digits; copies them as small letters. */
static bool
read_digits(const char *text, size_t length, char *out)
{
    if (length > ID_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isxdigit((unsigned char)text[i])) {
            return false;
        }
        out[i] = (char)tolower((unsigned char)text[i]);
    }
    out[length] = '\0';
    return true;
}

/* An id, how one begins, or how one begins and ends. Says so in the word; else leaves it. */
static void
read_id(const char *text, struct word *word)
{
    const char *dots = strstr(text, "..");
    size_t length = dots != NULL ? (size_t)(dots - text) : strlen(text);
    const char *tail = dots != NULL ? dots + 2 : "";
    size_t digits = length + strlen(tail);
    bool fits = digits <= ID_DIGITS && (dots != NULL ? digits > 0 : digits >= WORD_DIGITS_MIN);
    word->may_be_id = fits && read_digits(text, length, word->head) &&
                      read_digits(tail, strlen(tail), word->tail);
    word->is_whole_id =
        word->may_be_id && length == ID_DIGITS && lode_id_parse(word->head, &word->id) == LODE_OK;
}

static lode_err
read_name(const char *text, struct word *word)
{
    const char *slash = strchr(text, '/'), *name = slash != NULL ? slash + 1 : text;
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
    memcpy(word->space, text, space_size);
    memcpy(word->name, name, strlen(name));
    word->may_be_name = true;
    return LODE_OK;
}

lode_err
word_parse(const char *text, struct word *word_out)
{
    struct word word = {.text = text};
    bool says_id = strncmp(text, "id:", 3) == 0, says_name = strncmp(text, "name:", 5) == 0;
    if (!says_name) {
        read_id(text + (says_id ? 3 : 0), &word);
    }
    if (says_id && !word.may_be_id) {
        return lode_fail_with(LODE_EINVAL,
                              "'%.100s' is no id: write 32 hex digits, or the first %d or more",
                              text, WORD_DIGITS_MIN);
    }
    if (word.is_whole_id && lode_id_is_zero(word.id)) {
        return lode_fail_with(LODE_EINVAL, "an id of zeros names no object");
    }
    if (!says_id) {
        LODE_TRY(read_name(text + (says_name ? 5 : 0), &word));
    }
    *word_out = word;
    return LODE_OK;
}

lode_err
word_parse_new(const char *text, struct word *word_out)
{
    struct word word;
    LODE_TRY(word_parse(text, &word));
    if (word.is_whole_id || !word.may_be_name) {
        return lode_fail_with(
            LODE_EINVAL, "the name '%.100s' would be taken for an id: name:TEXT is a name", text);
    }
    *word_out = word;
    return LODE_OK;
}

const char *
word_space(const struct word *word)
{
    return word->space[0] != '\0' ? word->space : NULL;
}

/* ---- looking up ---------------------------------------------------------------------------- */

enum { SHOWN_IDS = 3 };

bool
word_fits(const struct word *word, lode_id id)
{
    char text[LODE_ID_TEXT_SIZE];
    size_t tail = strlen(word->tail);
    lode_id_format(id, text);
    return word->may_be_id && strncmp(text, word->head, strlen(word->head)) == 0 &&
           strcmp(text + ID_DIGITS - tail, word->tail) == 0;
}

/* The objects whose ids begin and end as the word says. */
struct matches {
    const struct word *word;
    lode_id first[SHOWN_IDS];
    size_t count;
};

static bool
note_match(const lode_object_info *info, void *arg)
{
    struct matches *matches = arg;
    if (word_fits(matches->word, info->id)) {
        if (matches->count < SHOWN_IDS) {
            matches->first[matches->count] = info->id;
        }
        matches->count++;
    }
    return true;
}

static lode_err
several(const struct matches *matches)
{
    char shown[SHOWN_IDS * (LODE_ID_TEXT_SIZE + 2)] = "";
    size_t count = matches->count < SHOWN_IDS ? matches->count : SHOWN_IDS, used = 0;
    for (size_t i = 0; i < count; i++) {
        char id[LODE_ID_TEXT_SIZE];
        lode_id_format(matches->first[i], id);
        used += (size_t)snprintf(shown + used, sizeof shown - used, "%s%s", i > 0 ? ", " : "", id);
    }
    return lode_fail_with(LODE_EINVAL, "'%s' fits %zu ids: %s%s; write more digits",
                          matches->word->text, matches->count, shown,
                          matches->count > count ? " …" : "");
}

static lode_err
find_id(lode *db, const struct word *word, lode_id *id_out)
{
    struct matches matches = {.word = word};
    LODE_TRY(lode_list(db, note_match, &matches));
    if (matches.count > 1) {
        return several(&matches);
    }
    *id_out = matches.first[0];
    return matches.count == 1 ? LODE_OK : LODE_ENOTFOUND;
}

static lode_err
find_name(lode *db, const struct word *word, int64_t timeout_ms, lode_id *id_out, bool *named_out)
{
    lode_err err = lode_name_lookup(db, word_space(word), word->name, timeout_ms, id_out);
    *named_out = err == LODE_OK;
    return err;
}

/* All digits: an object that is there comes first, then a name; else it is to come, or gone. */
static lode_err
find_whole_id(lode *db, const struct word *word, lode_id *id_out, bool *named_out)
{
    lode_object_info info;
    if (word->may_be_name && lode_stat(db, word->id, &info) != LODE_OK) {
        lode_err err = find_name(db, word, 0, id_out, named_out);
        if (err != LODE_ENOTFOUND) {
            return err;
        }
    }
    *id_out = word->id;
    return LODE_OK;
}

lode_err
word_resolve(lode *db, const struct word *word, int64_t timeout_ms, lode_id *id_out,
             bool *named_out)
{
    *named_out = false;
    if (word->is_whole_id) {
        return find_whole_id(db, word, id_out, named_out);
    }
    lode_err err = LODE_ENOTFOUND;
    if (word->may_be_name) {
        err = find_name(db, word, word->may_be_id ? 0 : timeout_ms, id_out, named_out);
    }
    if (err == LODE_ENOTFOUND && word->may_be_id) {
        err = find_id(db, word, id_out);
    }
    if (err == LODE_ENOTFOUND && word->may_be_id && word->may_be_name && timeout_ms != 0) {
        err = find_name(db, word, timeout_ms, id_out, named_out);
    }
    return err;
}

/* ---- what was meant ------------------------------------------------------------------------ */

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
word_must_be_free(lode *db, const struct word *word)
{
    lode_id id;
    lode_err err = lode_name_lookup(db, word_space(word), word->name, 0, &id);
    if (err == LODE_ENOTFOUND) {
        return LODE_OK;
    }
    LODE_TRY(err);
    lode_drop(db, id);
    return lode_fail_with(LODE_EEXIST,
                          "the name '%s' is taken: --replace gives it to the new object, --name "
                          "chooses another",
                          word->name);
}

lode_err
word_not_found(lode *db, const char *text)
{
    struct names names = {.count = 0};
    const char *meant = NULL;
    if (lode_name_list(db, NULL, note_name, &names) == LODE_OK) {
        meant = named_as_file(&names, text);
        meant = meant != NULL ? meant
                              : lode_suggest(text, (const char *const *)names.text, names.count);
    }
    bool is_short =
        strlen(text) < WORD_DIGITS_MIN && strspn(text, "0123456789abcdefABCDEF") == strlen(text);
    lode_err err = LODE_ENOTFOUND;
    if (meant != NULL) {
        err = lode_fail_with(err, "there is no object '%s'; did you mean '%s'?", text, meant);
    } else if (is_short) {
        err = lode_fail_with(err,
                             "there is no object '%s'; of an id it takes the first %d digits, or "
                             "more",
                             text, WORD_DIGITS_MIN);
    } else {
        err = lode_fail_with(err, "there is no object '%s'", text);
    }
    for (size_t i = 0; i < names.count; i++) {
        free(names.text[i]);
    }
    return err;
}
