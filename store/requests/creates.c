#include "store/requests/creates.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "store/freeing/reclaim.h"
#include "store/objects/drafts.h"
#include "store/objects/own.h"
#include "store/requests/create_entry.h"
#include "store/requests/held.h"
#include "store/rings/credit.h"
#include "store/rings/recall.h"
#include "store/state/answers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct creates {
    struct source timer;
    int timer_fd;
    int64_t timer_set; /* deadline that the timer has; 0: none */
    int64_t tick_ns;
    struct create *waiting, **waiting_end;
    struct create *warming;
    uint32_t count;
};

/* ---- answering ---- */

static void
answer_created(struct store *store, const struct create *create, uint32_t entry)
{
    struct lode_msg_created created = {
        .head = {.type = LODE_MSG_CREATED, .tag = create->tag},
        .entry = entry,
        .generation = lode_word_generation(entry_word(&store->table, entry)),
        .extent = store->table.entries[entry].extent,
    };
    if (create->tag != 0 && create->is_put && create_is_named(create)) {
        held_answer(store, create->session, &created);
    } else if (create->tag != 0) {
        session_send(create->session, &created, sizeof created, NULL, 0);
    }
}

/* The entry has its memory: hands a draft to the client, or seals a put that has an id. */
static void
complete(struct store *store, const struct create *create, uint32_t entry)
{
    if (create->is_put) {
        create_write(store, create, entry);
    }
    if (create->is_put && create_is_named(create)) {
        create_seal(store, entry);
    }
    store->table.truths[entry].flags &= ~(uint32_t)TRUTH_UNREADY;
    answer_created(store, create, entry);
}

/* ---- making ---- */

/*
 * The request got room, but no memory for it. Its draft goes, of which nobody was told, and the
 * request waits for room as before. At its deadline it is tried once more: room that objects have
 * left when they were freed has memory.
 */
static void
wait_again(struct store *store, struct create *create)
{
    struct creates *creates = store->creates;
    bool freed_room = store->freed_room;
    draft_leave_id(store, create->entry);
    own_free(store, create->entry, LODE_ENTRY_CREATED);
    store->counts.created--;
    store->freed_room = freed_room; /* what it gave back has no memory: to try that is a tick's */
    create->next = creates->waiting;
    creates->waiting = create;
    creates->waiting_end = create->next == NULL ? &create->next : creates->waiting_end;
    if (lode_remaining_ms(create->deadline) == 0) {
        create->last_try = true;
        create->mark = reclaim(store);
        store->freed_room = true;
    }
}

static void
on_warmed(void *owner, uint64_t token, lode_err err)
{
    struct store *store = owner;
    struct create **at = &store->creates->warming;
    while (*at != NULL && (*at)->word != token) {
        at = &(*at)->next;
    }
    struct create *create = *at;
    if (create == NULL) {
        return; /* its session has ended meanwhile */
    }
    *at = create->next;
    if (err == LODE_EFULL && !create->last_try) {
        wait_again(store, create);
        return;
    }
    store->creates->count--;
    if (err == LODE_OK) {
        complete(store, create, create->entry);
    } else {
        session_fail(store, create->session, create->tag, err);
        draft_abort(store, create->entry);
    }
    free(create);
}

/* Errors: LODE_ELIMIT, LODE_EFULL, LODE_ENOMEM: it cannot wait. */
static lode_err
copy_request(const struct store *store, const struct create *create, struct create **copy_out)
{
    const struct creates *creates = store->creates;
    if (!create->is_counted && creates->count >= STORE_PENDING_OF_PROCESS_MAX) {
        LODE_TRY(create_check_share(create, creates->waiting, creates->warming));
    }
    struct create *copy = malloc(sizeof *copy + create->rest_size);
    if (copy == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for a request that waits");
    }
    *copy = *create;
    copy->is_counted = true;
    copy->rest = (const uint8_t *)(copy + 1);
    if (create->rest_size > 0) {
        memcpy(copy + 1, create->rest, create->rest_size);
    }
    *copy_out = copy;
    return LODE_OK;
}

/* A number for the warming that no other request under way has. */
static uint64_t
token_of(const struct store *store, uint32_t entry)
{
    return lode_word_generation(entry_word(&store->table, entry)) << 22 | entry;
}

static lode_err
start_warming(struct store *store, const struct create *create, uint32_t entry)
{
    struct create *copy;
    LODE_TRY(copy_request(store, create, &copy));
    copy->entry = entry;
    copy->word = token_of(store, entry);
    lode_err err = arena_warm(store->arena, store->table.entries[entry].extent, create->stored,
                              on_warmed, store, copy->word);
    if (err != LODE_OK) {
        free(copy);
        return err;
    }
    copy->next = store->creates->warming;
    store->creates->warming = copy;
    store->creates->count++;
    return LODE_OK;
}

/*
 * While pages gather for a session that holds the line of credit, others' puts must not take them.
 */
static enum arena_kind
kind_of(struct store *store, const struct create *create)
{
    if (!create->is_put) {
        return ARENA_LARGE;
    }
    bool may_pass = store->line.holder == NULL || !line_is_held(&store->line, create->session);
    return may_pass ? ARENA_SMALL : ARENA_SLOT;
}

static lode_err
get_room(struct store *store, const struct create *create, struct arena_room *room_out)
{
    *room_out = (struct arena_room){.extent = LODE_EXTENT_INLINE};
    if (create->is_put && create->stored == 0) {
        return LODE_OK;
    }
    return arena_allocate(store->arena, create->stored, kind_of(store, create), false, room_out);
}

/* Does the whole request, if there is room. Errors: LODE_EFULL: it may wait; others are final. */
static lode_err
try_create(struct store *store, const struct create *create)
{
    struct arena_room room;
    uint32_t entry;
    LODE_TRY(create_check_id(store, create->session, create));
    LODE_TRY(create_check_quota(store, create));
    LODE_TRY(get_room(store, create, &room));
    lode_err err = create_entry(store, create, room.extent, &entry);
    if (err != LODE_OK) {
        return err == LODE_EFULL ? LODE_ELIMIT : err; /* more entries: not the room that comes */
    }
    if (!room.is_cold) {
        complete(store, create, entry);
        return LODE_OK;
    }
    err = start_warming(store, create, entry);
    if (err != LODE_OK) {
        draft_abort(store, entry);
    }
    return err;
}

/* ---- waiting ---- */

static lode_err
enqueue(struct store *store, const struct create *create)
{
    struct create *copy;
    LODE_TRY(copy_request(store, create, &copy));
    copy->next = NULL;
    *store->creates->waiting_end = copy;
    store->creates->waiting_end = &copy->next;
    store->creates->count++;
    store->creates->tick_ns = STORE_CREATE_TICK_NS;
    return LODE_OK;
}

/* Until its deadline, and until all is freed that could be freed when it came. */
static bool
may_wait(const struct store *store, struct create *create, int64_t now)
{
    return create->deadline > now || !reclaim_has_reached(store, &create->mark);
}

/* Whether room is what the request lacks, pages or an entry. */
static bool
lacks_room(const struct store *store, lode_err err)
{
    return err == LODE_EFULL || (err == LODE_ELIMIT && table_is_used_up(&store->table));
}

static lode_err
create_or_wait(struct store *store, struct create *create)
{
    lode_err err = try_create(store, create);
    if (lacks_room(store, err)) {
        create->mark = reclaim(store);
        err = try_create(store, create);
    }
    if (lacks_room(store, err) && recall(store, create->session)) {
        err = try_create(store, create);
    }
    if (err == LODE_EFULL && may_wait(store, create, lode_now_ns())) {
        err = enqueue(store, create);
    }
    return err;
}

/*
 * Refuses a create that can never fit beside what the store keeps for itself, and what this session
 * has set aside, if that cannot be recalled.
 */
static lode_err
check_fits(const struct store *store, const struct create *create)
{
    const struct session *session = create->session;
    uint64_t kept = store->table.spare_pages;
    if (!recall_reaches(store, session)) {
        kept += session->pages_granted - session->pages_used;
    }
    return create->is_put ? LODE_OK : arena_check_fits(store->arena, create->stored, kept);
}

lode_err
handle_create(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
              size_t rest_size)
{
    const struct lode_msg_create *msg = packet;
    struct create create;
    create_read(session, msg, rest, rest_size, &create);
    create.deadline = lode_deadline(msg->timeout_ms);
    lode_err err = create_check(&create);
    if (err == LODE_EPROTO) {
        return err;
    }
    if (err == LODE_OK) {
        err = check_fits(store, &create);
    }
    if (err == LODE_OK) {
        err = create_or_wait(store, &create);
    }
    if (err != LODE_OK) {
        session_fail(store, session, create.tag, err);
    }
    return LODE_OK;
}

static void
expire_in(struct create *list, const struct session *session, uint32_t tag)
{
    for (struct create *create = list; create != NULL; create = create->next) {
        if (create->session == session && create->tag == tag) {
            create->deadline = 0;
        }
    }
}

/* A tag of 0 is of requests that nobody waits for. The timer sees the deadline after this turn. */
lode_err
handle_expire(struct store *store, struct session *session, const void *packet, const uint8_t *rest,
              size_t rest_size)
{
    const struct lode_msg_head *head = packet;
    (void)rest, (void)rest_size;
    if (head->tag != 0) {
        expire_in(store->creates->waiting, session, head->tag);
        expire_in(store->creates->warming, session, head->tag);
    }
    return LODE_OK;
}

/*
 * Tries a request that waits. `least` (by is_put) is the smallest size for which there was no room
 * in this round: a request of that size or more is not tried. LODE_EAGAIN: it goes on waiting.
 */
static lode_err
retry(struct store *store, struct create *create, uint64_t least[2], int64_t now)
{
    bool is_final = !may_wait(store, create, now);
    if (!is_final && (create->last_try || create->stored >= least[create->is_put])) {
        return LODE_EAGAIN;
    }
    lode_err err = try_create(store, create);
    if (is_final && lacks_room(store, err) && recall(store, create->session)) {
        err = try_create(store, create);
    }
    if (err == LODE_EFULL) {
        least[create->is_put] = create->stored;
    }
    return err == LODE_EFULL && !is_final ? LODE_EAGAIN : err;
}

/*
 * Tries the requests in the order of arrival. Those that a turn does not reach are tried in the
 * next.
 */
void
creates_retry(struct store *store)
{
    struct creates *creates = store->creates;
    struct create **at = &creates->waiting;
    uint64_t least[2] = {UINT64_MAX, UINT64_MAX};
    if (*at == NULL) {
        return;
    }
    int64_t now = store->table.now_ns = lode_now_ns(), end = store_turn_end(store);
    while (*at != NULL) {
        struct create *create = *at;
        lode_err err = retry(store, create, least, now);
        if (err == LODE_EAGAIN) {
            at = &create->next;
            continue;
        }
        if (err != LODE_OK) {
            session_fail(store, create->session, create->tag, err);
        }
        *at = create->next;
        creates->waiting_end = creates->waiting_end == &create->next ? at : creates->waiting_end;
        creates->count--;
        free(create);
        if (lode_now_ns() >= end) {
            store->freed_room = true;
            return;
        }
    }
}

static void
drop_of(struct creates *creates, struct create **at, const struct session *session)
{
    while (*at != NULL) {
        struct create *create = *at;
        if (create->session == session || session == NULL) {
            *at = create->next;
            creates->count--;
            free(create);
        } else {
            at = &create->next;
        }
    }
}

void
creates_end_session(struct store *store, struct session *session)
{
    struct creates *creates = store->creates;
    drop_of(creates, &creates->waiting, session);
    drop_of(creates, &creates->warming, session);
    creates->waiting_end = &creates->waiting;
    while (*creates->waiting_end != NULL) {
        creates->waiting_end = &(*creates->waiting_end)->next;
    }
}

/* ---- the timer ---- */

static void
on_timer(struct store *store, struct source *source, uint32_t events)
{
    struct creates *creates = (struct creates *)source;
    uint64_t count;
    (void)events;
    if (read(creates->timer_fd, &count, sizeof count) != (ssize_t)sizeof count) {
        return;
    }
    creates->timer_set = 0;
    if (line_due_ns(&store->line) > lode_now_ns()) { /* it was the tick that is due, not the line */
        creates->tick_ns = creates->tick_ns < 1000000000 ? creates->tick_ns * 2 : creates->tick_ns;
    }
    reclaim(store);
    recall_on_tick(store);
    credit_feed(store);
    creates_retry(store);
}

static uint64_t
pages_of(const struct create *create)
{
    return create->stored <= LODE_PAGE ? 1 : (create->stored + LODE_PAGE - 1) / LODE_PAGE;
}

void
creates_set_timer(struct store *store)
{
    struct creates *creates = store->creates;
    uint64_t pages = UINT64_MAX;
    bool needed = creates->waiting != NULL || credit_anyone_waits(store);
    int64_t first = 0;
    if (needed) {
        int64_t due = line_due_ns(&store->line);
        first = lode_now_ns() + creates->tick_ns;
        first = due < first ? due : first;
        for (const struct create *c = creates->waiting; c != NULL; c = c->next) {
            first = c->deadline < first ? c->deadline : first;
            pages = pages_of(c) < pages ? pages_of(c) : pages;
        }
        first = first <= 0 ? 1 : first;
    } else {
        creates->tick_ns = STORE_CREATE_TICK_NS;
    }
    store->create_pages = creates->waiting != NULL ? pages : 0;
    if (first == 0 ? creates->timer_set == 0
                   : creates->timer_set != 0 && creates->timer_set <= first) {
        return;
    }
    struct itimerspec when = {.it_value = {first / 1000000000, first % 1000000000}};
    if (timerfd_settime(creates->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0) {
        creates->timer_set = first;
    }
}

lode_err
creates_create(struct store *store)
{
    struct creates *creates = calloc(1, sizeof *creates);
    if (creates == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the list of requests");
    }
    creates->timer.ready = on_timer;
    creates->tick_ns = STORE_CREATE_TICK_NS;
    creates->waiting_end = &creates->waiting;
    creates->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    lode_err err = creates->timer_fd < 0
                       ? lode_fail_errno("cannot make a timer")
                       : store_watch_fd(store, creates->timer_fd, EPOLLIN, &creates->timer);
    if (err != LODE_OK) {
        if (creates->timer_fd >= 0) {
            close(creates->timer_fd);
        }
        free(creates);
        return err;
    }
    store->creates = creates;
    return LODE_OK;
}

void
creates_destroy(struct store *store)
{
    struct creates *creates = store->creates;
    if (creates != NULL) {
        drop_of(creates, &creates->waiting, NULL);
        drop_of(creates, &creates->warming, NULL);
        close(creates->timer_fd);
        free(creates);
        store->creates = NULL;
    }
}
