#include "api/client/session/drafts.h"

#include "api/base/fail.h"
#include "api/base/hash.h"

#include <stdlib.h>

struct lode_draft_node {
    struct lode_open_draft draft;
    UT_hash_handle hh; /* by draft.entry */
};

void
lode_drafts_init(struct lode_drafts *drafts)
{
    *drafts = (struct lode_drafts){0};
    lode_mutex_init(&drafts->mu, LODE_LOCK_DRAFT_PAGES);
}

void
lode_drafts_fini(struct lode_drafts *drafts)
{
    struct lode_open_draft draft;
    while (lode_drafts_take_any(drafts, &draft)) {
    }
    lode_mutex_fini(&drafts->mu);
}

static lode_err
no_memory(void)
{
    return lode_fail_with(LODE_ENOMEM, "no memory for a draft");
}

lode_err
lode_drafts_add(struct lode_drafts *drafts, const struct lode_open_draft *draft)
{
    struct lode_draft_node *node = malloc(sizeof *node);
    if (node == NULL) {
        return no_memory();
    }
    node->draft = *draft;
    lode_mutex_lock(&drafts->mu);
    bool fits = drafts->count < LODE_OPEN_DRAFTS_MAX, added = false;
    if (fits) {
        HASH_ADD(hh, drafts->table, draft.entry, sizeof node->draft.entry, node);
        added = hash_has(hh, node);
        drafts->count += added;
    }
    lode_mutex_unlock(&drafts->mu);
    if (added) {
        return LODE_OK;
    }
    free(node);
    return fits ? no_memory()
                : lode_fail_with(LODE_ELIMIT, "%d drafts are open: seal or abort some first",
                                 LODE_OPEN_DRAFTS_MAX);
}

static void
remove_locked(struct lode_drafts *drafts, struct lode_draft_node *node,
              struct lode_open_draft *draft_out)
{
    lode_mutex_assert_held(&drafts->mu);
    HASH_DELETE(hh, drafts->table, node);
    drafts->count--;
    *draft_out = node->draft;
    free(node);
}

lode_err
lode_drafts_take(struct lode_drafts *drafts, uint32_t entry, uint64_t generation,
                 struct lode_open_draft *draft_out)
{
    struct lode_draft_node *node;
    lode_mutex_lock(&drafts->mu);
    HASH_FIND(hh, drafts->table, &entry, sizeof entry, node);
    bool found = node != NULL && node->draft.generation == generation;
    if (found) {
        remove_locked(drafts, node, draft_out);
    }
    lode_mutex_unlock(&drafts->mu);
    return found ? LODE_OK
                 : lode_fail_with(LODE_EINVAL, "the draft is not open: it was sealed or aborted "
                                               "before, or never created");
}

bool
lode_drafts_take_any(struct lode_drafts *drafts, struct lode_open_draft *draft_out)
{
    lode_mutex_lock(&drafts->mu);
    struct lode_draft_node *node = drafts->table;
    if (node != NULL) {
        remove_locked(drafts, node, draft_out);
    }
    lode_mutex_unlock(&drafts->mu);
    return node != NULL;
}
