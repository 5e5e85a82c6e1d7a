/*
 * word.h: how a word on the command line names an object.
 *
 *   NAME, SPACE/NAME  the object that has the name
 *   32 hex digits     the object with this id, if there is one; else they are a name
 *   DIGITS            at least four: the one object whose id begins so, if nothing has the name
 *   DIGITS..DIGITS    the one object whose id begins and ends so
 *   name:TEXT         TEXT is a name, whatever it looks like
 *   id:DIGITS         DIGITS are an id, or how it begins, and no name
 */
#ifndef LODE_TOOLS_WORD_H
#define LODE_TOOLS_WORD_H

#include <lode/lode.h>

enum { WORD_NAME_MAX = 255, WORD_DIGITS_MIN = 4 };

struct word {
    const char *text;
    bool may_be_id, may_be_name;
    bool is_whole_id;              /* may_be_id: `id` is all of it */
    lode_id id;                    /* is_whole_id */
    char head[LODE_ID_TEXT_SIZE];  /* may_be_id: how the id begins; in small letters */
    char tail[LODE_ID_TEXT_SIZE];  /* may_be_id: how it ends; "": anyhow */
    char space[WORD_NAME_MAX + 1]; /* may_be_name; "": the default one */
    char name[WORD_NAME_MAX + 1];
};

/* Errors: LODE_EINVAL with a sentence: too long, empty, more than one '/', no hex digits. */
LODE_MUST_CHECK lode_err word_parse(const char *text, struct word *word_out);

/* The same for a name to be given: LODE_EINVAL also for what would be taken for an id later. */
LODE_MUST_CHECK lode_err word_parse_new(const char *text, struct word *word_out);

/* The namespace as the interface wants it: NULL for the default one. */
const char *word_space(const struct word *word);

/* True if the word may be an id, and this one begins and ends as it says. */
bool word_fits(const struct word *word, lode_id id);

/*
 * The word's object. A whole id is not looked up where the word cannot be a name.
 *
 *   timeout_ms  how long to wait for an object with this name; an id is not waited for
 *   named_out   the object was found by a name: a reference was taken, which is the caller's
 *
 * Errors  LODE_ENOTFOUND, LODE_ETIMEDOUT  nothing has the name (in time), no id begins so
 *         LODE_EINVAL                     several ids begin so: the sentence has the first of them
 */
LODE_MUST_CHECK lode_err word_resolve(lode *db, const struct word *word, int64_t timeout_ms,
                                      lode_id *id_out, bool *named_out);

/* LODE_EEXIST: an object has the name, and the sentence says what --replace and --name would do. */
LODE_MUST_CHECK lode_err word_must_be_free(lode *db, const struct word *word);

/* LODE_ENOTFOUND: "there is no object 'X'", with the name that was meant, if one is near. */
LODE_MUST_CHECK lode_err word_not_found(lode *db, const char *text);

/* "SPACE/NAME", or "NAME" in the default namespace. The caller's; NULL: no memory. */
char *word_of_name(const char *space, const char *name);

#endif
