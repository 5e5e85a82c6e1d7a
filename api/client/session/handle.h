/*
 * handle.h: the fields of a session, for the files of the store side of liblode.
 *
 * States:  LIVE --lode_close(), pins left--> CLOSED --last release--> freed
 *          LIVE --lode_close(), no pins--> freed
 *          LIVE, CLOSED --fork(), in the child--> FORKED
 *
 * LIVE: all calls. CLOSED: only releases; the socket stays open, since its end would end the pins.
 * FORKED: every call fails. The session file and the writable maps are not mapped, and all
 * descriptors are closed. The maps of index and segments stay, for views that the child still reads
 * (fork.h). Nothing of a FORKED session is ever freed: its tables may be half changed, and its
 * condition variables have waiters, which are threads that the child does not have.
 *
 * A session is freed by the thread that takes it out of the process' list, and only after every
 * thread that was in a release has left it: see threads.h.
 */
#ifndef LODE_CLIENT_HANDLE_H
#define LODE_CLIENT_HANDLE_H

#include "api/cluster/paths.h"
#include "api/client/session/drafts.h"
#include "api/client/channel/hooks.h"
#include "api/client/channel/near.h"
#include "api/client/session/pin_slots.h"
#include "api/client/channel/ring.h"
#include "api/client/session/segments.h"
#include "api/layout/births.h"

enum { LODE_LARGE_WORDS = 256 }; /* look.h */

enum lode_session_state { LODE_SESSION_LIVE = 0, LODE_SESSION_CLOSED = 1, LODE_SESSION_FORKED = 2 };

/* What ends with a session: dependents.h. */
enum { LODE_DEPENDENT_FDS = 2 };

struct lode_dependent {
    lode *db;                    /* NULL: its session is closed */
    int fds[LODE_DEPENDENT_FDS]; /* -1: none; closed with it, and in a child after fork */
    /* The session is about to be closed; everything of it still works. No lock is held. */
    void (*end)(struct lode_dependent *dependent);
    struct lode_dependent *next, *previous;
};

/* A session's part in the fork that is under way. Only the thread that forks looks at it. */
struct lode_fork {
    void *mark;   /* a page of it; NULL: none */
    int pipe_fd;  /* valid with a mark */
    bool refused; /* the store does not keep the pins for the child */
};

struct lode {
    /* What every get reads, and nobody writes after attach. */
    struct lode_index_view index;
    _Atomic uint32_t *pins;
    const struct lode_session_row *row;
    uint64_t number;
    struct lode_session_header *file;
    uint64_t serial; /* of this process; never reused */
    _Atomic uint32_t state;
    bool plain_release;    /* session.h [2]: the row says so */
    _Atomic bool forking;  /* a fork is under way: what is pinned now waits for its end (fork.h) */
    _Atomic bool attached; /* all that a fork looks at is there */
    struct lode_hooks hooks;

    struct lode_pin_slots pin_slots;
    struct lode_store_calls calls;
    struct lode_ring ring;
    struct lode_segments segments;
    struct lode_drafts drafts;

    _Atomic uint64_t drawn[LODE_ID_RESULT + 1]; /* ids drawn, by kind */
    _Atomic uint64_t reserved;                  /* ids reserved */
    _Atomic uint64_t large[LODE_LARGE_WORDS];   /* look.h */
    struct lode_births reserved_made;           /* ring.mu */
    _Atomic int64_t pending_looked_ns;          /* lode_look_seldom() */
    _Atomic int64_t alive_looked_ns;            /* name_versions.c */
    struct lode_fork fork;
    _Atomic uint32_t refused_told; /* of row->refused, what lode_keep() has said */
    size_t file_bytes;
    uint32_t open_flags;
    struct lode_paths paths;
    struct lode_dependent *dependents; /* the process' lock: dependents.h */
    struct lode *next;                 /* in the list of this process */
    struct lode_near near;
};

#endif
