/* suggest.h: "did you mean …?" for a word that is nearly one of those that there are. */
#ifndef LODE_BASE_SUGGEST_H
#define LODE_BASE_SUGGEST_H

#include <stddef.h>

/* The candidate nearest to `word`, if few enough letters differ that a typo is likely; or NULL. */
const char *lode_suggest(const char *word, const char *const *candidates, size_t count);

#endif
