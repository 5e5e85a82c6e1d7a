#include "store/main/life.h"

#include "api/base/assert.h"
#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/system/futex.h"
#include "store/requests/creates.h"
#include "store/requests/held.h"
#include "store/requests/later.h"
#include "store/rings/credit.h"
#include "store/sessions/connection.h"
#include "store/state/doze.h"
#include "store/state/file.h"
#include "store/state/forks.h"
#include "store/freeing/freeing.h"
#include "store/main/check.h"
#include "store/freeing/ending.h"
#include "store/rings/asking.h"
#include "store/rings/part.h"
#include "store/rings/recall.h"
#include "store/rings/ring.h"
#include "store/sessions/session.h"
#include "store/waits/notices.h"
#include "store/waits/pool.h"
#include "store/waits/waits.h"
#include "store/state/answers.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the loop's work ---- */

/*
 * Ends the sessions that were cut by the event of another one, or by the guard. True: there was
 * one.
 */
static bool
end_cut(struct store *store)
{
    bool any = false;
    if (!store->someone_broke) {
        return false;
    }
    store->someone_broke = false;
    for (uint32_t i = store->session_count; i-- > 0;) {
        struct session *session = store->sessions[i];
        if (session->broken && !session->ended && !session->cut) {
            session_cut(session, "its file was cut short");
        }
        if (session->cut && !session->ended) {
            session_end(store, session);
            any = true;
        }
    }
    return any;
}

static void
send_notices(struct store *store)
{
    for (uint32_t i = 0; i < store->notify_count; i++) {
        notices_send(store->notify[i]);
    }
    store->notify_count = 0;
}

/*
 * A session may be sent answers and notices in a round in which it sent nothing: epoll must know.
 */
static void
want_output(struct store *store)
{
    while (store->unsent != NULL) {
        struct session *session = store->unsent;
        store->unsent = session->next_unsent;
        session->unsent = false;
        connection_want_output(store, session);
    }
}

static void
use_freed_room(struct store *store)
{
    store->freed_room = false;
    object_refill_spare(&store->table);
    credit_feed(store);
    creates_retry(store);
}

/* Sessions came into the line. What was recalled is freed room, and goes to the line first. */
static void
recall_for_line(struct store *store)
{
    store->credit_lacks = false;
    if (credit_anyone_waits(store)) {
        (void)recall(store, NULL);
    }
}

/* A name, say, finds no entry. */
static bool
recall_entries(void *owner)
{
    return recall(owner, NULL);
}

bool
store_has_work(const struct store *store)
{
    return store->table.candidate_count > 0 || freeing_is_under_way(store) || store->freed_room ||
           waits_unasked(store) > 0 || store->chores.first != NULL || store->held.session != NULL;
}

/* A walk takes longer the larger the store is. So it comes ever more rarely, and often in tests. */
static bool
is_time_to_check(const struct store *store)
{
    return (store->rounds & (store->rounds - 1)) == 0 || store->rounds % 4096 == 0;
}

void
store_settle(struct store *store, bool would_sleep)
{
    held_round(store, would_sleep);
    doze_may_have_rung(store);
    chores_turn(store);
    if (would_sleep || store->later != NULL || freeing_is_under_way(store) ||
        store->table.candidate_count >= STORE_CANDIDATES_AT_ONCE) {
        freeing_turn(store);
    }
    later_answer(store);
    if (!freeing_is_under_way(store)) {
        doze_settle(store);
    }
    if (store->credit_lacks) {
        recall_for_line(store);
    }
    if (store->freed_room) {
        use_freed_room(store);
    }
    do { /* the news of one's end may cut another */
        asking_waits(store);
        waits_tell_decided(store);
        wakes_send(store);
        send_notices(store);
    } while (end_cut(store));
    want_output(store);
    ending_free_dead(store);
    creates_set_timer(store);
    store->rounds++;
    LODE_DEBUG_ASSERT(!is_time_to_check(store) || store_check(store));
}

static void
on_helper(struct store *store, struct source *source, uint32_t events)
{
    (void)source;
    (void)events;
    helper_drain(store->helper);
}

static void
on_room(void *owner)
{
    ((struct store *)owner)->freed_room = true;
}

/* ---- opening and closing ---- */

static struct source helper_source = {on_helper};

static lode_err
publish_segments(struct store *store)
{
    uint32_t count = arena_segment_count(store->arena);
    for (uint32_t i = 0; i < count; i++) {
        int read_fd, write_fd;
        LODE_TRY(arena_segment(store->arena, i, &store->table.header->segment_bytes[i], &read_fd,
                               &write_fd));
    }
    atomic_store_explicit(&store->table.header->segment_count, count, memory_order_release);
    return LODE_OK;
}

static lode_err
open_parts(struct store *store, const struct store_options *options)
{
    struct arena_options arena = {.dir = store->dir, .capacity_bytes = options->capacity_bytes};
    store->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (store->epoll_fd < 0) {
        return lode_fail_errno("cannot make an epoll");
    }
    LODE_TRY(doze_open(store));
    LODE_TRY(helper_create(&store->helper));
    LODE_TRY(store_watch_fd(store, helper_fd(store->helper), EPOLLIN, &helper_source));
    arena.helper = store->helper;
    LODE_TRY(arena_open(&arena, &store->arena));
    LODE_TRY(table_open(store->dir, options->generation, store->arena, &store->table));
    LODE_TRY(publish_segments(store));
    LODE_TRY(pool_create(&store->waits));
    LODE_TRY(creates_create(store));
    store->packet = aligned_alloc(LODE_LINE, LODE_STORE_PACKET_MAX);
    store->scratch = malloc(sizeof *store->scratch);
    if (store->packet == NULL || store->scratch == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the store's buffers");
    }
    arena_on_room(store->arena, on_room, store);
    table_on_lack(&store->table, recall_entries, store);
    object_refill_spare(&store->table);
    return file_guard_install();
}

lode_err
store_create(const struct store_options *options, struct store **store_out)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the store");
    }
    if (strlen(options->shm_dir) >= sizeof store->dir) {
        free(store);
        return lode_fail_with(LODE_EINVAL, "the path '%s' is too long", options->shm_dir);
    }
    memcpy(store->dir, options->shm_dir, strlen(options->shm_dir) + 1);
    store->epoll_fd = store->doze_fd = -1;
    line_init(&store->line);
    chores_init(&store->chores);
    store->later_end = &store->later;
    store->started_ns = lode_now_ns();
    lode_err err = open_parts(store, options);
    if (err != LODE_OK) {
        store_destroy(store, true);
        return err;
    }
    *store_out = store;
    return LODE_OK;
}

/*
 * Wakes every client that sleeps on a word of the index: it looks, and sees that the store is down.
 */
static void
say_down(struct store *store)
{
    atomic_store_explicit(&store->table.header->down, 1, memory_order_seq_cst);
    for (uint32_t i = 0; i < LODE_WAKE_BUCKETS; i++) {
        atomic_fetch_add_explicit(&store->table.wakes[i].counter, 1, memory_order_release);
        lode_futex_wake_all(&store->table.wakes[i].counter);
    }
    for (uint32_t i = 0; i < store->session_count; i++) {
        struct lode_session_row *row = &store->table.rows[store->sessions[i]->row];
        atomic_fetch_add_explicit(&row->credit_wake, 1, memory_order_release);
        lode_futex_wake_all(&row->credit_wake);
    }
}

void
store_destroy(struct store *store, bool remove)
{
    if (store == NULL) {
        return;
    }
    if (store->table.index != NULL) {
        say_down(store);
    }
    store->has_events = false; /* nobody handles them any more */
    while (store->session_count > 0) {
        struct session *session = store->sessions[store->session_count - 1];
        session_abandon(store, session);
    }
    while (store->newcomers != NULL) {
        session_end(store, store->newcomers);
    }
    ending_free_dead(store);
    LODE_ASSERT(store->dead == NULL);
    forks_destroy(store);
    doze_close(store);
    pool_destroy(store->waits);
    arena_close(store->arena, remove);
    if (store->table.index != NULL) {
        table_close(&store->table, remove);
    }
    helper_destroy(store->helper);
    later_end_session(store, NULL);
    creates_destroy(store); /* after all that may still call it back */
    if (store->epoll_fd >= 0) {
        close(store->epoll_fd);
    }
    free(store->decided.list);
    free(store->scratch);
    free(store->packet);
    free(store);
}
