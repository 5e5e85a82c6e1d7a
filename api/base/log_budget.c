#include "api/base/log_budget.h"

#include <stddef.h>
#include <string.h>

static struct lode_log_kind *
find(struct lode_log_budget *budget, const char *id)
{
    for (int i = 0; i < LODE_LOG_IDS; i++) {
        struct lode_log_kind *kind = &budget->kinds[i];
        if (kind->id[0] == '\0') {
            strncpy(kind->id, id, sizeof kind->id - 1);
            return kind;
        }
        if (strncmp(kind->id, id, sizeof kind->id - 1) == 0) {
            return kind;
        }
    }
    return NULL;
}

bool
lode_log_budget_allows(struct lode_log_budget *budget, const char *id, int64_t second,
                       uint32_t *skipped_out)
{
    struct lode_log_kind *kind = find(budget, id);
    *skipped_out = 0;
    if (kind == NULL) {
        return true;
    }
    if (kind->second != second) {
        kind->second = second;
        kind->said = 0;
    }
    if (kind->said == LODE_LOG_BURST) {
        kind->skipped++;
        return false;
    }
    kind->said++;
    *skipped_out = kind->skipped;
    kind->skipped = 0;
    return true;
}
