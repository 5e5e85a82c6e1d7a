#include "store/requests/later.h"

#include "api/base/assert.h"
#include "store/freeing/reclaim.h"

#include <stdlib.h>
#include <string.h>

struct later {
    struct later *next;
    struct session *session;
    struct reclaim_mark mark;
    later_fn *answer;
    _Alignas(8) uint8_t packet[LATER_PACKET_MAX];
};

/* So many of one process, or of all, and one more is answered without waiting. */
static bool
too_many_wait(const struct store *store, const struct session *session)
{
    uint32_t same = 0;
    if (store->later_count >= STORE_PENDING_OF_PROCESS_MAX) {
        for (const struct later *later = store->later; later != NULL; later = later->next) {
            same += store_same_process(later->session, session);
        }
    }
    return same >= STORE_PENDING_OF_PROCESS_MAX || store->later_count >= STORE_PENDING_MAX;
}

/* False: there is no memory, or too many wait. */
static bool
enqueue(struct store *store, struct session *session, const void *packet, size_t size,
        later_fn *answer, struct reclaim_mark mark)
{
    struct later *later = too_many_wait(store, session) ? NULL : malloc(sizeof *later);
    if (later == NULL) {
        return false;
    }
    *later = (struct later){.session = session, .mark = mark, .answer = answer};
    memcpy(later->packet, packet, size);
    *store->later_end = later;
    store->later_end = &later->next;
    store->later_count++;
    return true;
}

void
later_do(struct store *store, struct session *session, const void *packet, size_t size,
         later_fn *answer)
{
    LODE_ASSERT(size <= LATER_PACKET_MAX);
    struct reclaim_mark mark = reclaim(store);
    if (reclaim_has_reached(store, &mark) || !enqueue(store, session, packet, size, answer, mark)) {
        answer(store, session, packet);
    }
}

static void
take_out(struct store *store, struct later **at)
{
    struct later *later = *at;
    *at = later->next;
    if (store->later_end == &later->next) {
        store->later_end = at;
    }
    store->later_count--;
}

/* All are looked at: a mark that waits for chores is set anew when these are done. */
void
later_answer(struct store *store)
{
    struct later **at = &store->later;
    while (*at != NULL) {
        struct later *later = *at;
        if (!reclaim_has_reached(store, &later->mark)) {
            at = &later->next;
            continue;
        }
        take_out(store, at);
        later->answer(store, later->session, later->packet);
        free(later);
    }
}

void
later_end_session(struct store *store, const struct session *session)
{
    struct later **at = &store->later;
    while (*at != NULL) {
        struct later *later = *at;
        if (session != NULL && later->session != session) {
            at = &later->next;
            continue;
        }
        take_out(store, at);
        free(later);
    }
}
