#include "scheduler/core/parts/libraries.h"

#include <stdlib.h>

void
core_names_fini(struct core_names *names)
{
    struct core_named *named;
    while ((named = names->first) != NULL) {
        names->first = named->next;
        named->library->names--;
        free(named->source);
        free(named);
    }
}
