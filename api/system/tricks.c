#include "api/system/tricks.h"

#include <stdlib.h>
#include <string.h>

/* The tricks that a list names: a sum of enum lode_trick. NULL: none. */
static unsigned
named_in(const char *list)
{
    static const char *const NAMES[] = {"stream", "key", "near", "ahead", "plain"};
    unsigned named = 0;
    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, ",");
        for (unsigned i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
            if (strlen(NAMES[i]) == length && memcmp(list, NAMES[i], length) == 0) {
                named |= 1u << i;
            }
        }
        list += length + (list[length] == ',');
    }
    return named;
}

bool
lode_trick_wanted(enum lode_trick trick)
{
    return !(named_in(getenv("LODE_WITHOUT")) & trick);
}
