#include "store/state/answers.h"

#include "api/base/fail.h"
#include "api/base/log.h"
#include "store/state/pins.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
session_cut(struct session *session, const char *format, ...)
{
    char why[256];
    va_list args;
    if (session->cut || session->ended) {
        return;
    }
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    session->cut = true;
    session->store->someone_broke = true;
    lode_log("STORE-SESSION-CUT", "session %llu of process %lld ends: %s",
             (unsigned long long)session->number, (long long)session->pid, why);
}

/*
 * Notes that packets are kept for the session. Before it sleeps, the loop asks epoll to tell when
 * the socket has room.
 */
static void
note_unsent(struct session *session)
{
    if (!session->unsent && !session->wants_output) {
        session->unsent = true;
        session->next_unsent = session->store->unsent;
        session->store->unsent = session;
    }
}

static void
send_or_cut(struct session *session, const void *head, size_t head_size, const void *rest,
            size_t rest_size, const int *fds, size_t fd_count)
{
    if (session->ended || session->cut) {
        return;
    }
    lode_err err =
        outbox_send(&session->out, session->fd, head, head_size, rest, rest_size, fds, fd_count);
    if (err == LODE_EDOWN) {
        session->cut = true; /* the end of file comes anyway: nothing to log */
        session->store->someone_broke = true;
    } else if (err != LODE_OK) {
        session_cut(session, "%s", lode_last_error());
    } else if (!outbox_is_empty(&session->out)) {
        note_unsent(session);
    }
}

void
session_send(struct session *session, const void *head, size_t head_size, const void *rest,
             size_t rest_size)
{
    send_or_cut(session, head, head_size, rest, rest_size, NULL, 0);
}

void
session_send_fds(struct session *session, const void *head, size_t head_size, const int *fds,
                 size_t fd_count)
{
    send_or_cut(session, head, head_size, NULL, 0, fds, fd_count);
}

void
session_ok(struct session *session, uint32_t tag)
{
    struct lode_msg_head ok = {.type = LODE_MSG_OK, .tag = tag};
    if (tag != 0) {
        session_send(session, &ok, sizeof ok, NULL, 0);
    }
}

enum { PINS_COUNTED = 16384 }; /* slots that are looked at for the text of an error */

struct pinned {
    uint32_t *entries; /* each once */
    uint64_t count, room, bytes;
};

static void
add_pinned(struct store *store, uint32_t entry, void *arg)
{
    struct pinned *pinned = arg;
    struct truth_entry *truth = &store->table.truths[entry];
    if (!(truth->flags & TRUTH_COUNTED) && entry_is_sealed(&store->table, entry) &&
        pinned->count < pinned->room) {
        truth->flags |= TRUTH_COUNTED;
        pinned->entries[pinned->count++] = entry;
        pinned->bytes += truth->stored;
    }
}

/*
 * The bytes of all pinned objects, for the text of an error. Clients pin and release meanwhile, so
 * the figure may be old when it arrives. The entries that were marked stand in a list, and the
 * marks are taken off along that list. A second walk over the pins would not do: it would not find
 * the entry of a pin that was cleared meanwhile, and the mark would stay.
 */
static uint64_t
count_pinned(struct store *store, uint64_t slots)
{
    struct pinned pinned = {.room = slots};
    pinned.entries = calloc(pinned.room, sizeof *pinned.entries);
    if (pinned.entries == NULL) {
        return 0;
    }
    pins_each(store, add_pinned, &pinned);
    for (uint64_t i = 0; i < pinned.count; i++) {
        store->table.truths[pinned.entries[i]].flags &= ~(uint32_t)TRUTH_COUNTED;
    }
    free(pinned.entries);
    return pinned.bytes;
}

/*
 * What views pin stays in the store even when its last reference is dropped. So a client that is
 * refused for want of room is told how many bytes that is. Where there are many pins, it is told
 * without the number: all others would wait while they are looked at, each time that a client is
 * refused.
 */
static void
send_full(struct store *store, struct session *session, const struct lode_msg_error *error)
{
    char text[LODE_FAIL_MAX];
    uint64_t slots = pins_slots(store);
    if (slots > PINS_COUNTED) {
        snprintf(text, sizeof text, "%s; views may pin some of them", lode_last_error());
    } else {
        uint64_t pinned = count_pinned(store, slots);
        snprintf(text, sizeof text, "%s; views pin %llu bytes", lode_last_error(),
                 (unsigned long long)pinned);
    }
    session_send(session, error, sizeof *error, text, strlen(text));
}

void
session_fail(struct store *store, struct session *session, uint32_t tag, lode_err err)
{
    const char *text = lode_last_error();
    struct lode_msg_error error = {.head = {.type = LODE_MSG_ERROR, .tag = tag}, .err = err};
    if (tag == 0) {
        return;
    }
    if (err == LODE_EFULL) {
        send_full(store, session, &error);
    } else {
        session_send(session, &error, sizeof error, text, strlen(text));
    }
}
