/*
 * store.h: the whole store as its one loop thread sees it: table, arena, sessions, waiters.
 *
 * Everything here belongs to the loop thread. The loop thread never blocks: what would block is a
 * job of the helper (store/alloc/helper.h). store/README.md has the files in reading order.
 */
#ifndef LODE_STORE_STATE_STORE_H
#define LODE_STORE_STATE_STORE_H

#include "api/base/clock.h"
#include "api/layout/births.h"
#include "api/layout/ring.h"
#include "api/wire/store_msg.h"
#include "store/alloc/arena.h"
#include "store/objects/decided.h"
#include "store/rings/line.h"
#include "store/state/chores.h"
#include "store/state/outbox.h"
#include "store/state/source.h"
#include "store/waits/wakes.h"
#include "store/table/object.h"

struct store;
struct session;
struct fork;
struct lost;

/*
 * A WATCH, UNWATCH, RESULTS, CHECK, FORK or DELETE that is handled in parts, while the chore is
 * given.
 */
struct slow_packet {
    struct chore chore;
    union {
        struct lode_msg_watch msg; /* of a FORK or DELETE: its head alone */
        struct lode_msg_settle results;
        struct lode_msg_check check;
    };
    lode_id *ids;  /* NULL: none */
    uint8_t *bits; /* of a CHECK; NULL: none */
    uint32_t next; /* of them; of the names that a DELETE looks at */
    struct fork *fork;
    lode_id id; /* of a DELETE */
};

/* A client's session. store/sessions/session.h draws its states. */
struct session {
    struct source socket; /* first: a source is its session */
    struct source exit;   /* the pidfd */
    struct store *store;  /* the store that it belongs to */
    int fd;               /* -1 after the end of file */
    int pidfd;            /* -1: none */
    int file_fd;
    int64_t pid;
    uint64_t number; /* 0 until HELLO */
    uint32_t row;
    uint32_t flags; /* LODE_HELLO_… */
    uint32_t slot;  /* in store->sessions; valid with a number */
    bool ended;     /* its socket is gone; only pins and drafts of a living process remain */
    bool left;      /* LEAVE: nothing but pins is left of it */
    bool cut;       /* broke a rule: ends as soon as the loop is back at the top */
    bool listed_dead;
    bool wants_output;
    bool results_told; /* the scheduler has named its results, though its end is not known here */

    /* The session file as the store maps it: file.h. `broken` is set by the SIGBUS guard. */
    uint8_t *file;
    uint64_t file_bytes;
    uint32_t ring_bytes;
    uint32_t ring_backed; /* bytes of it that have memory: api/layout/session.h [5] */
    bool ring_wants;      /* its client uses much of what has memory */
    uint32_t pin_slots;
    volatile int broken;
    uint64_t ring_head;

    /* Credit: granted - used is what the arena and the table hold in reserve for it. */
    uint64_t pages_granted, pages_used, pages_target;
    uint64_t entries_granted, entries_used, entries_target;
    int64_t active_ns;   /* when it last spent some, or was granted what it waited for */
    int64_t granted_ns;  /* the latter alone */
    bool starved;        /* it has less than its target, or than its share */
    uint32_t starved_at; /* its place in store->starved, while it is */
    uint32_t holder_at;  /* its place in store->holders, while it is one */
    bool is_holder;
    bool in_line;              /* its client waits for credit: line.h */
    struct session *line_next; /* while in_line */
    int64_t hold_again_ns;     /* before this it does not hold the line */
    int64_t hold_ns;           /* how long it may hold the line; 0: LINE_HOLD_NS */

    uint32_t own_first;                  /* entries of this session's ids, by own_next */
    struct lode_births births;           /* its results that were made */
    struct lode_births reserved;         /* the same of the ids that it reserved */
    struct lode_births dropped;          /* its results that it dropped before they came */
    struct lode_births dropped_reserved; /* the same of the ids that it reserved */
    struct lost *lost;                   /* references that it lacks, by id; NULL: none. lost.h */
    uint32_t draft_first;                /* unsealed objects that it makes, by link_next */
    uint32_t wait_first;                 /* waits.h */
    uint32_t wait_count;                 /* the ids of its ranges among them */
    struct range *range_first;           /* waits/ranges.h */
    uint32_t range_count;
    struct slow_packet slow; /* requests/slow.h */
    uint32_t unwatch_next;   /* the wait that an UNWATCH looks at next */
    uint32_t idle_seals;     /* stream.h: ids in a row that woke nobody */
    bool is_stream;
    uint32_t awake_at; /* its place in store->awake; DOZE_NOT_AWAKE: it dozes: doze.h */
    bool dozes;
    int64_t stirred_ns; /* when its ring or its pins were last seen to have changed */
    uint64_t pin_sum;   /* of its pins, at the last scan */
    uint32_t *kept;     /* entries that it had pinned when it began to doze; NULL: none */
    uint32_t kept_count;
    uint32_t keeper_at; /* its place in store->keepers; valid while kept_count > 0 */
    struct source bell; /* rung by an eventfd; see connection.c */
    int bell_fd;        /* -1: before HELLO, and after the end */
    struct outbox out;
    struct notices *notices; /* not yet sent: notices.h; NULL: there never was one */
    struct chore ending;     /* ends what it had, in parts: freeing/ending.h */
    bool lingers;            /* ended, and its process runs and has pins or drafts: lingering.h */
    uint32_t lingers_at;     /* its place in store->lingering, while it does */
    bool is_counted;         /* among the sessions of programs: programs.h */
    uint32_t counted_at;     /* its place in store->programs_by_pid, while it is */
    bool pins_are_over;      /* they count no more: the session is about to be freed */
    uint32_t hide_next;      /* the draft that is hidden next */
    uint32_t unpin_next;     /* the pin slot that is looked at next, for the last time */
    uint32_t leave_tag;      /* of a LEAVE that is not answered yet; 0: none */
    struct session *next_dead;
    struct session *newer, *older; /* among the newcomers, before HELLO */
    struct session *next_unsent;   /* in store->unsent, while `unsent` */
    bool unsent;
};

enum {
    STORE_NEWCOMERS_MAX = 1024, /* connections that have not said HELLO; then the oldest goes */
    STORE_PENDING_MAX = 4096,   /* creates of programs that wait for room or memory */
    STORE_PENDING_OF_PROCESS_MAX = STORE_PENDING_MAX / 4, /* of these, of one process */
    STORE_CANDIDATES_AT_ONCE = 256, /* so many are not left to gather until the loop is idle */
    /*
     * Each batch drains all rings. It takes as many as a drain of full rings may bring, or
     * candidates would gather faster than they are freed.
     */
    STORE_BATCH_MAX = 4096,
    STORE_TURN_NS = 1000000, /* about as long a turn of the loop keeps all waiting */
    STORE_SESSIONS_OF_PROCESS_MAX = LODE_SESSION_ROWS / 4,
    STORE_PROGRAMS_MAX = LODE_SESSION_ROWS - 1100, /* sessions but for workers and schedulers */
    STORE_ENDED_MAX = 4096, /* ended sessions whose results the scheduler still has to name */
    STORE_CREATE_TICK_NS = 10000000
};

/* An ended session of which the scheduler has not yet said what is still to come. */
struct ended {
    uint64_t session; /* 0: none */
    uint32_t own_first;
    bool is_settled; /* nothing is still to come; `settling` ends what is in the list */
    struct chore settling;
};

/* A walk over the whole table, in parts. */
struct table_walk {
    struct chore chore;
    uint32_t next, end; /* entries */
};

/*
 * A walk over all sessions that are awake, or over all their pins and those of the forks, in parts.
 * It goes from the last session to the first: when one ends, the last one takes its place, and that
 * one was looked at.
 */
struct session_walk {
    uint32_t left;   /* sessions that were not looked at: those before this place */
    uint64_t number; /* of the session that is looked at, whose pins from `slot` on are left */
    uint32_t slot;
    uint64_t sum;      /* of its pins so far: whether they have changed since the last walk */
    bool is_in_forks;  /* the sessions are done */
    struct fork *fork; /* with it the walk goes on */
    uint32_t fork_pin; /* of it */
};

/* What is DOOMED: freeing.h. */
struct batch {
    enum { BATCH_NONE, BATCH_SCAN, BATCH_DRAIN, BATCH_JUDGE, BATCH_WAKE, BATCH_LOOK_AGAIN } phase;
    uint32_t victims[STORE_BATCH_MAX]; /* from `judged` on; before, those that became WANTED */
    uint32_t count, judged, wanted;
    struct session_walk walk;
    uint32_t keepers_left; /* those before this place are to be looked at */
};

/* All rings are drained, in parts: ring.h. */
struct ring_sweep {
    struct chore chore;
    struct session_walk walk;
};

struct waits;
struct creates;
struct later;
struct strided;

/* An answer that is sent a little later: requests/held.h. */
struct withheld {
    struct session *session; /* NULL: none is held */
    struct lode_msg_created answer;
    uint64_t round; /* in which it was held */
};

struct store {
    struct table table;
    struct arena *arena;
    struct helper *helper;
    int epoll_fd;
    struct session *by_row[LODE_SESSION_ROWS];
    struct session *sessions[LODE_SESSION_ROWS]; /* dense: attached, and ended with pins left */
    uint32_t session_count;
    struct session *awake[LODE_SESSION_ROWS]; /* of these, at which the walks look: doze.h */
    uint32_t awake_count;
    uint32_t doze_count;
    int doze_fd;           /* the epoll of the dozing sessions' bells */
    bool has_heard;        /* since the store last received something */
    int64_t doze_again_ns; /* when it looks again for sessions that may doze */
    uint32_t *kept;        /* by entry: pins that dozing sessions had when they began to */
    uint64_t kept_count;   /* of them all */
    struct session *keepers[LODE_SESSION_ROWS]; /* the dozing sessions that keep some */
    uint32_t keeper_count;
    struct session *lingering[LODE_SESSION_ROWS]; /* of them linger: freeing/lingering.h */
    uint32_t lingering_count;
    uint32_t program_count; /* of them are counted as programs': programs.h */
    uint16_t programs_by_pid[LODE_SESSION_ROWS];
    uint32_t stream_count;     /* of them are streams */
    uint32_t scheduler_count;  /* sessions with LODE_HELLO_SCHEDULER */
    struct session *newcomers; /* connected, not yet attached: the youngest */
    struct session *oldest_newcomer;
    uint32_t newcomer_count;
    struct session *dead; /* to be freed when no event can name them any more */
    struct ended ended[STORE_ENDED_MAX];
    struct chores chores;
    struct table_walk promised;   /* of the last scheduler, which has ended: settled.h */
    struct table_walk revisit[2]; /* of what may be unpinned: freeing.h */
    struct ring_sweep sweeps[2];
    struct batch batch;
    struct decided decided; /* ids that were decided, and of which waiters were not told yet */
    struct waits *waits;
    struct wakes wakes;
    struct creates *creates;
    struct strided *strides; /* of drafts: strides.h */
    struct fork *forks;      /* forks whose heirs may live: forks.h */
    struct fork *ended_forks, *last_ended_fork;
    struct chore forks_ending;
    uint32_t fork_count; /* with those that have ended, until they are freed */
    uint64_t fork_pins;  /* of them all */
    uint64_t next_fork;  /* number of the next */
    uint64_t forks_freed;
    struct withheld held;
    struct later *later, **later_end; /* later.h */
    uint32_t later_count;
    struct session *notify[64]; /* have NOTIFY entries; more: sent at once */
    uint32_t notify_count;
    uint64_t draft_bytes;    /* of all drafts of all sessions */
    uint64_t credit_pages;   /* granted and not spent, of all sessions */
    uint64_t credit_entries; /* the same */
    struct line line;        /* of sessions that wait for credit */
    bool credit_lacks;       /* a session came into the line since the store last recalled */
    uint64_t create_pages;   /* the fewest that a create lacks which waits; 0: none waits */
    bool fences_releases;    /* membarrier(2) works, and clients rely on it: session.h [2] */
    bool releases_unheard;   /* it failed once: WANTED entries may be pinned by nobody */
    bool cannot_recall;      /* the system refuses membarrier(2) */
    int64_t recall_again_ns; /* before this nothing is recalled from others: recall.h */
    uint32_t credit_turn;    /* the place in starved[] that gets credit first next time */
    struct session *starved[LODE_SESSION_ROWS]; /* rings/holders.h */
    uint32_t starved_count;
    struct session *holders[LODE_SESSION_ROWS]; /* all that have credit, and some that had */
    uint32_t holder_count;
    struct session *unsent;     /* packets are kept for them, and epoll was not told yet */
    volatile int someone_broke; /* a session was cut, or its file was, since the loop last looked */
    bool stream_began;          /* rings/asking.c has something to catch up with */
    bool freed_room;            /* since creates were last tried */
    struct lode_store_stats counts; /* the counters; gauges are filled in when asked for */
    int64_t started_ns;
    int64_t turn_ns;       /* when the turn began that is under way */
    bool turn_began;       /* just now: nobody has looked at the clock since */
    bool has_events;       /* that the loop handles in its next turn: they name their sessions */
    uint64_t rounds;       /* of the loop */
    uint32_t check_first;  /* of the entries, at the next check of debug builds */
    int64_t ring_again_ns; /* no memory for a ring was left: none is asked for before this */
    uint8_t *packet;       /* LODE_STORE_PACKET_MAX bytes */
    struct ring_scratch *scratch;
    char dir[512]; /* LODE_SHM_DIR */
};

/* Sets the time of what comes next. The loop has looked at the clock for the first of a turn. */
static inline void
store_set_now(struct store *store)
{
    store->table.now_ns = store->turn_began ? store->turn_ns : lode_now_ns();
    store->turn_began = false;
}

/*
 * When a part of the loop's work ends that begins now: with the turn, but each part has a quarter
 * of its time at least. Otherwise clients that are busy could keep one from going on for ever.
 */
static inline int64_t
store_turn_end(const struct store *store)
{
    int64_t least_ns = lode_now_ns() + STORE_TURN_NS / 4, end_ns = store->turn_ns + STORE_TURN_NS;
    return end_ns > least_ns ? end_ns : least_ns;
}

/* Whether two sessions are of one process. One that the store cannot see has pid 0. */
static inline bool
store_same_process(const struct session *a, const struct session *b)
{
    return a->pid > 0 ? a->pid == b->pid : a == b;
}

/* The attached session of that number; NULL: it has ended, or never was. */
static inline struct session *
store_session(const struct store *store, uint64_t number)
{
    struct session *session = store->by_row[number % LODE_SESSION_ROWS];
    bool lives = session != NULL && session->number == number && !session->ended && !session->left;
    return lives ? session : NULL;
}

#endif
