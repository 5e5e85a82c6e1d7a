/*
 * handle.h: the fields of a session, for the files of the store side of liblode.
 *
 * States:  LIVE --lode_close(), pins left--> CLOSED --last release--> freed
 *          LIVE --lode_close(), no pins--> freed
 *          LIVE, CLOSED --fork(), in the child--> FORKED --lode_close()--> freed
 *
 * LIVE: all calls. CLOSED: only releases; the socket stays open, since its end would end the pins.
 * FORKED: the session file and the writable maps are not mapped, all descriptors are closed, and
 * every call says so; the maps of index and segments stay, for views that the child still reads.
 *
 * A session is freed by the thread that takes it out of the process' list, and only after every
 * thread that was in a release has left it: see threads.h.
 */
#ifndef LODE_CLIENT_HANDLE_H
#define LODE_CLIENT_HANDLE_H

#include "api/client/session/drafts.h"
#include "api/client/session/pin_slots.h"
#include "api/client/session/ring.h"
#include "api/client/session/segments.h"
#include "api/client/session/session.h"
#include "api/layout/births.h"

enum lode_session_state { LODE_SESSION_LIVE = 0, LODE_SESSION_CLOSED = 1, LODE_SESSION_FORKED = 2 };

struct lode_private_cluster;

struct lode {
    /* What every get reads, and nobody writes after attach. */
    struct lode_index_view index;
    _Atomic uint32_t *pins;
    const struct lode_session_row *row;
    uint64_t number;
    struct lode_session_header *file;
    uint64_t serial; /* of this process; never reused */
    _Atomic uint32_t state;
    _Atomic(const struct lode_session_hooks *) hooks[LODE_HOOK_SLOTS];

    struct lode_pin_slots pin_slots;
    struct lode_store_calls calls;
    struct lode_ring ring;
    struct lode_segments segments;
    struct lode_drafts drafts;

    _Atomic uint64_t drawn[LODE_ID_RESULT + 1]; /* ids drawn, by kind */
    _Atomic uint64_t reserved;                  /* ids reserved */
    struct lode_births reserved_made;           /* ring.mu */
    uint64_t capacity_bytes;
    size_t file_bytes;
    int file_fd; /* holds the session's lock */
    uint32_t open_flags;
    struct lode_paths paths;
    struct lode_private_cluster *cluster; /* started by this process; NULL: none */
    struct lode *next;                    /* in the list of this process */
};

/* Asks, and checks that the answer is of that type and of exactly that size. */
LODE_MUST_CHECK lode_err lode_ask_exactly(lode *db, struct lode_msg_head *request,
                                          size_t request_size, enum lode_store_msg type,
                                          void *answer, size_t answer_size);

/* The sentence for a kind of failure that many calls share. */
lode_err lode_fail_zero_id(const char *call);

static inline void
lode_note_reference(const lode *db, lode_id id, int change)
{
    for (int i = 0; i < LODE_HOOK_SLOTS; i++) {
        const struct lode_session_hooks *hooks =
            atomic_load_explicit(&db->hooks[i], memory_order_acquire);
        if (hooks != NULL && hooks->referenced != NULL) {
            hooks->referenced(hooks->arg, id, change);
        }
    }
}

/* This thread is about to sleep, or has slept. */
void lode_note_blocked(const lode *db, bool blocked);

/* Asks the hooks once a second whether a wait still makes sense. */
LODE_MUST_CHECK lode_err lode_ask_pending(lode *db, lode_id id);

static inline void
lode_note_draft(const lode *db, const lode_draft *draft, bool open)
{
    for (int i = 0; i < LODE_HOOK_SLOTS; i++) {
        const struct lode_session_hooks *hooks =
            atomic_load_explicit(&db->hooks[i], memory_order_acquire);
        if (hooks != NULL && hooks->drafted != NULL) {
            hooks->drafted(hooks->arg, draft, open);
        }
    }
}

#endif
