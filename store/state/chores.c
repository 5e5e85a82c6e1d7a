#include "store/state/chores.h"

#include "api/base/clock.h"
#include "store/state/store.h"

void
chores_init(struct chores *chores)
{
    *chores = (struct chores){.end = &chores->first};
}

void
chores_give(struct store *store, struct chore *chore, chore_fn *part)
{
    struct chores *chores = &store->chores;
    if (chore->is_given) {
        return;
    }
    *chore = (struct chore){.part = part, .number = ++chores->count, .is_given = true};
    *chores->end = chore;
    chores->end = &chore->next;
}

bool
chores_is_behind(const struct chore *chore, const struct chore *other)
{
    return other->is_given && other->number < chore->number;
}

static void
take_out(struct store *store, struct chore **at)
{
    struct chore *chore = *at;
    *at = chore->next;
    if (store->chores.end == &chore->next) {
        store->chores.end = at;
    }
    if (store->chores.next == &chore->next) {
        store->chores.next = at;
    }
    chore->is_given = false;
    store->freed_room = true; /* a request that waits for a mark may go on */
}

/* Where the next part is done. Those given since the round began come after the oldest again. */
static struct chore **
next_of(struct chores *chores)
{
    struct chore **at = chores->next;
    if (at == NULL || *at == NULL || (*at)->number > chores->round_end) {
        chores->round_end = chores->count;
        at = &chores->first;
    }
    return at;
}

void
chores_turn(struct store *store)
{
    struct chores *chores = &store->chores;
    int64_t end = chores->first != NULL ? store_turn_end(store) : 0;
    for (int parts = 0; chores->first != NULL && parts < CHORE_PARTS_MAX; parts++) {
        struct chore **at = next_of(chores);
        struct chore *chore = *at;
        if (chore->part(store, chore)) {
            take_out(store, at);
            chores->next = at;
        } else {
            chores->next = &chore->next;
        }
        if (lode_now_ns() >= end) {
            break;
        }
    }
}

void
chores_do_now(struct store *store, struct chore *chore)
{
    if (!chore->is_given) {
        return;
    }
    struct chore **at = &store->chores.first;
    while (!chore->part(store, chore)) {
    }
    while (*at != chore) {
        at = &(*at)->next;
    }
    take_out(store, at);
}

uint64_t
chores_mark(const struct store *store)
{
    return store->chores.count;
}

/* The list is in the order of the numbers. */
bool
chores_reached(const struct store *store, uint64_t mark)
{
    return store->chores.first == NULL || store->chores.first->number > mark;
}
