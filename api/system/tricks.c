#include "api/system/tricks.h"

#include "api/base/fail.h"

#include <stdlib.h>
#include <string.h>

/* Of a word that is no trick, what a sentence shows. */
enum { WORD_SHOWN = 64 };

/* 0: there is none of that name. */
static unsigned
trick_of(const char *word, size_t length)
{
    static const char *const NAMES[] = {"stream", "key", "near", "ahead", "plain"};
    for (unsigned i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strlen(NAMES[i]) == length && memcmp(word, NAMES[i], length) == 0) {
            return 1u << i;
        }
    }
    return 0;
}

/* The next word of a list that is not empty, and what lies behind it and its comma. */
static const char *
next_word(const char **list, size_t *length_out)
{
    const char *word = *list;
    *length_out = strcspn(word, ",");
    *list = word + *length_out + (word[*length_out] == ',');
    return word;
}

/* The tricks that a list names: a sum of enum lode_trick. NULL: none. */
static unsigned
named_in(const char *list)
{
    unsigned named = 0;
    size_t length;
    while (list != NULL && *list != '\0') {
        const char *word = next_word(&list, &length);
        named |= trick_of(word, length);
    }
    return named;
}

bool
lode_trick_wanted(enum lode_trick trick)
{
    return !(named_in(getenv("LODE_WITHOUT")) & trick);
}

lode_err
lode_tricks_check(void)
{
    const char *list = getenv("LODE_WITHOUT");
    size_t length;
    while (list != NULL && *list != '\0') {
        const char *word = next_word(&list, &length);
        if (length > 0 && trick_of(word, length) == 0) {
            return lode_fail_with(LODE_EINVAL,
                                  "LODE_WITHOUT: '%.*s' is passed over, for it is no trick: the "
                                  "tricks are stream, key, near, ahead and plain, with commas "
                                  "between them",
                                  length < WORD_SHOWN ? (int)length : WORD_SHOWN, word);
        }
    }
    return LODE_OK;
}
