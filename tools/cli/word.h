/*
 * word.h: how a word on the command line names an object: 32 hex digits are an id, SPACE/NAME is a
 * name in a namespace, anything else is a name in the default one.
 */
#ifndef LODE_TOOLS_WORD_H
#define LODE_TOOLS_WORD_H

#include <lode/lode.h>

enum { WORD_NAME_MAX = 255 };

struct word {
    const char *text;
    bool is_id;
    lode_id id;                    /* is_id */
    char space[WORD_NAME_MAX + 1]; /* else; "": the default one */
    char name[WORD_NAME_MAX + 1];
};

/* Errors: LODE_EINVAL with a sentence: too long, empty, more than one '/'. */
LODE_MUST_CHECK lode_err word_parse(const char *text, struct word *word_out);

/* The namespace as the interface wants it: NULL for the default one. */
const char *word_space(const struct word *word);

/*
 * The word's object; a reference is taken if it was named (they go with the session).
 * Errors: LODE_ENOTFOUND, LODE_ETIMEDOUT no such name (in time); an id is not looked up.
 */
LODE_MUST_CHECK lode_err word_resolve(lode *db, const struct word *word, int64_t timeout_ms,
                                      lode_id *id_out);

/* LODE_ENOTFOUND: "there is no object 'X'", with the name that was meant, if one is near. */
LODE_MUST_CHECK lode_err word_not_found(lode *db, const char *text);

/* "SPACE/NAME", or "NAME" in the default namespace. The caller's; NULL: no memory. */
char *word_of_name(const char *space, const char *name);

#endif
