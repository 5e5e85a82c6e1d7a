#include "api/base/suggest.h"

#include <string.h>
#include <strings.h>

enum { WORD_MAX = 64 };

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to insert, delete, change or swap with the neighbour (optimal string alignment). */
static size_t
distance(const char *a, const char *b)
{
    size_t row[3][WORD_MAX + 1];
    size_t a_length = strlen(a), b_length = strlen(b);
    for (size_t j = 0; j <= b_length; j++) {
        row[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t change = last[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = least(change, least(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = least(now[j], before[j - 2] + 1);
            }
        }
    }
    return row[a_length % 3][b_length];
}

const char *
lode_suggest(const char *word, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    size_t best_distance = 0, length = strlen(word);
    if (length == 0 || length > WORD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (strlen(candidates[i]) > WORD_MAX) {
            continue;
        }
        if (strcasecmp(word, candidates[i]) == 0) {
            return candidates[i];
        }
        size_t d = distance(word, candidates[i]);
        if (best == NULL || d < best_distance) {
            best = candidates[i];
            best_distance = d;
        }
    }
    /* One letter of a short word, two of a longer one; or the beginning of the word. A word of one
     * letter is as near to any other. */
    size_t tolerated = length <= 3 ? 1 : 2;
    if (length > 1 && best != NULL && best_distance <= tolerated) {
        return best;
    }
    for (size_t i = 0; i < count; i++) {
        if (length >= 2 && strncmp(candidates[i], word, length) == 0) {
            return candidates[i];
        }
    }
    return NULL;
}
