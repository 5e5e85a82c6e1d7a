/*
 * store_msg.h: every packet on the store's SOCK_SEQPACKET socket, in one table.
 *
 * One packet is one struct below, its variable part (if any) directly behind it. Both sides are on
 * one machine: numbers are native. The store checks the size of what it gets against the table and
 * every number against its range; a packet that breaks a rule ends that session, and no other.
 *
 * Requests carry a tag of the client's choice (not 0), which the reply repeats, so that several
 * threads can wait for replies at once. Tag 0: no reply is wanted or expected.
 * Before any packet is handled, the store applies the sender's ring.
 *
 * The doorbell is an eventfd: what is written to it says "look into my ring". A chain of three
 * processes on one CPU took 10.6 us there and back by eventfds, 18 by packets.
 */
#ifndef LODE_WIRE_STORE_MSG_H
#define LODE_WIRE_STORE_MSG_H

#include <lode/object.h>

#define LODE_STORE_MAGIC UINT32_C(0x534c5331) /* "1SLS" */
enum { LODE_STORE_WIRE_MAJOR = 2, LODE_STORE_WIRE_MINOR = 0 };
enum {
    LODE_STORE_PACKET_MAX = 64 << 10,
    LODE_STORE_IDS_MAX = 2048,    /* ids in one packet */
    LODE_STORE_ROW_MAX = 1 << 18, /* ids in a row that one packet can mean */
    LODE_STORE_STEP_MAX = 1 << 12,
    LODE_STORE_HOLDS_MAX = 1024
};

/*
 * What one session may ask of the store at a time. The call that would exceed it fails with
 * LODE_ELIMIT, and the session goes on. The scheduler's session has no such limits: what it waits
 * for, its clients have asked for.
 */
enum {
    LODE_SESSION_WAITS_MAX = 1 << 20,       /* waits and watched ids */
    LODE_SESSION_WAITS_OF_ID_MAX = 1 << 13, /* of these, for one id: a thread each */
    LODE_SESSION_EXPECTED_MAX = 1 << 18,    /* ids of others that it refers to before they exist */
    LODE_SESSION_EXPECTED_OWN_MAX = 1 << 20 /* the same of ids of its own */
};

/* clang-format off */
/*
 * name           from    struct                       variable part
 * reply
 */
#define LODE_STORE_MSG_MAP(X)                                                                                          \
    X(HELLO,       1, client, lode_msg_hello,       "")                                   /* WELCOME or ERROR       */ \
    X(WELCOME,     2, store,  lode_msg_welcome,     "fds: index (read), session file, doorbell")                       \
    X(ERROR,       3, store,  lode_msg_error,       "text")                               /* to any request         */ \
    X(OK,          4, store,  lode_msg_head,        "")                                   /* to any request         */ \
    X(SEGMENT,     5, client, lode_msg_segment,     "")                                   /* SEGMENT_FD             */ \
    X(SEGMENT_FD,  6, store,  lode_msg_segment,     "fds: read, read-write")                                           \
    X(CREATE,      7, client, lode_msg_create,      "lode_id holds[hold_count]")          /* CREATED or ERROR       */ \
    X(CREATED,     8, store,  lode_msg_created,     "")                                                                \
    X(SEAL,        9, client, lode_msg_draft,       "")                                   /* OK or ERROR            */ \
    X(ABORT,      10, client, lode_msg_draft,       "")                                   /* none with tag 0        */ \
    X(PUT,        11, client, lode_msg_create,      "lode_id holds[hold_count], bytes")   /* CREATED or ERROR       */ \
    X(LOOKUP,     12, client, lode_msg_lookup,      "")                                   /* FOUND                  */ \
    X(FOUND,      13, store,  lode_msg_found,       "")                                                                \
    X(UNWAIT,     15, client, lode_msg_lookup,      "")                                   /* none                   */ \
    X(WATCH,      16, client, lode_msg_watch,       "lode_id ids[count]")                 /* OK; NOTIFY, now and later */ \
    X(UNWATCH,    17, client, lode_msg_watch,       "lode_id ids[count]; 0: all of that cookie")  /* OK: no NOTIFY follows */ \
    X(NOTIFY,     18, store,  lode_msg_watch,       "struct lode_msg_ready ready[count]")                              \
    X(DELETE,     19, client, lode_msg_lookup,      "")                                   /* OK or ERROR            */ \
    X(STAT,       20, client, lode_msg_lookup,      "")                                   /* INFO or ERROR          */ \
    X(LIST,       21, client, lode_msg_list,        "")                                   /* INFO                   */ \
    X(INFO,       22, store,  lode_msg_list,        "lode_object_info info[count]")                                    \
    X(NAME_SET,   23, client, lode_msg_name,        "namespace, name")                    /* OK or ERROR            */ \
    X(NAME_LOOKUP,24, client, lode_msg_name,        "namespace, name")                    /* FOUND; takes 1 ref     */ \
    X(NAME_REMOVE,25, client, lode_msg_name,        "namespace, name")                    /* OK or ERROR            */ \
    X(NAME_LIST,  26, client, lode_msg_name,        "namespace (1 byte 0xff: all)")       /* NAMES                  */ \
    X(NAMES,      27, store,  lode_msg_list,        "count x {lode_msg_name, namespace, name}")                        \
    X(STATS,      28, client, lode_msg_head,        "")                                   /* STATS_ARE              */ \
    X(STATS_ARE,  29, store,  lode_msg_stats,       "")                                                                \
    X(GROW_PINS,  30, client, lode_msg_pins,        "")                                   /* PINS or ERROR          */ \
    X(PINS,       31, store,  lode_msg_pins,        "")                                                                \
    X(RELEASED,   33, client, lode_msg_released,    "")                                   /* none                   */ \
    X(SETTLE,     35, client, lode_msg_settle,      "lode_id ids[count]")                 /* SETTLED                */ \
    X(SETTLED,    36, store,  lode_msg_settle,      "uint8_t status[count]")                                           \
    X(RESULTS,    37, client, lode_msg_settle,      "lode_id ids[count]")                 /* SETTLED                */ \
    X(FAIL,       40, client, lode_msg_fail,        "the error object, then the short one")       /* OK                     */ \
    X(LEAVE,      38, client, lode_msg_head,        "")                                   /* OK: see below          */ \
    X(FORK,       39, client, lode_msg_head,        "")                                   /* KEPT or ERROR          */ \
    X(TAKE,       41, client, lode_msg_lookup,      "")                                   /* OK or ERROR            */ \
    X(KEPT,       42, store,  lode_msg_head,        "fds: the mark, the pipe's writing end")                           \
    X(EXPIRE,     43, client, lode_msg_head,        "")                                   /* none: see below        */ \
    X(CHECK,      44, client, lode_msg_check,       "lode_id ids[count], or the first of a row")  /* CHECKED or ERROR       */ \
    X(CHECKED,    45, store,  lode_msg_check,       "uint8_t bits[(count + 7) / 8]")                                   \
    X(WATCH_ROW,  46, client, lode_msg_watch_row,   "")                                   /* OK or ERROR; NOTIFY later */ \
    X(WATCH_FILTER, 47, client, lode_msg_watch_filter, "uint8_t bits[]")                  /* the same               */
/* clang-format on */

enum lode_store_msg {
#define LODE_STORE_MSG_ENUM(name, value, from, type, rest) LODE_MSG_##name = (value),
    LODE_STORE_MSG_MAP(LODE_STORE_MSG_ENUM)
#undef LODE_STORE_MSG_ENUM
        LODE_MSG_END
};

/*
 * LEAVE: lode_close() of a session that still has pins (views outlive it). The store does what it
 * does at a session's end (drains the ring, aborts its drafts, drops its references, ends its
 * waits), but keeps the pins and the row until the socket's end of file.
 *
 * EXPIRE: the time of the CREATE or PUT that has this tag is up. If it waits for room, it is
 * answered as at its deadline. Otherwise its answer is under way already, and nothing happens.
 *
 * FORK: the process is about to fork. The store copies what the session has pinned at this moment,
 * and counts it until every process that inherits from this fork has ended or called exec. As long
 * as one of them lives, it has a page of the mark mapped. The pipe's end of file tells the store to
 * look.
 */

/* Every packet begins with this. */
struct lode_msg_head {
    uint8_t type;
    uint8_t pad[3];
    uint32_t tag;
};

enum {
    LODE_HELLO_MAKER = 1,     /* makes results: its ring is drained before a result is missed */
    LODE_HELLO_SCHEDULER = 2, /* may SETTLE, ask for RESULTS, and PUT errors under result ids */
    LODE_HELLO_FENCED = 4,    /* membarrier(2) reaches it, or it neither spends nor pins: */
                              /* session.h [2] and [4] */
    LODE_HELLO_RINGS = 8,     /* it rings while its row says that it dozes: index.h [8] */
    LODE_HELLO_LEAN = 16      /* asks for credit and for most of its ring when it wants them */
};

struct lode_msg_hello {
    struct lode_msg_head head;
    uint32_t magic;
    uint16_t major, minor;
    uint32_t flags;
    uint32_t ring_bytes; /* 0: default; a power of two within session.h's bounds */
};

struct lode_msg_welcome {
    struct lode_msg_head head;
    uint16_t major, minor;
    uint32_t row; /* of the session table */
    uint64_t session;
    uint64_t generation;
};

struct lode_msg_error {
    struct lode_msg_head head;
    uint32_t err;
    uint32_t pad;
};

struct lode_msg_segment {
    struct lode_msg_head head;
    uint32_t segment;
    uint32_t pad;
    uint64_t bytes;
};

/* CREATE: an unsealed object; PUT: a sealed one, whose bytes come along. */
struct lode_msg_create {
    struct lode_msg_head head;
    lode_id id; /* zero: a nameless draft that a COMMIT will name; a PUT of it has its bytes */
    uint64_t size;
    uint32_t dtype;
    uint8_t kind;
    uint8_t object_class;
    uint8_t ndim;
    uint8_t flags;
    int64_t shape[LODE_MAX_NDIM];
    int64_t strides[LODE_MAX_NDIM]; /* with LODE_ENTRY_STRIDED */
    int64_t timeout_ms;             /* how long the store may let it wait for room */
    uint32_t hold_count;
    uint32_t pad;
};

struct lode_msg_created {
    struct lode_msg_head head;
    uint32_t entry;
    uint32_t pad;
    uint64_t generation;
    uint64_t extent; /* of the object; the data begin after the strides, if there are any */
};

struct lode_msg_draft {
    struct lode_msg_head head;
    uint32_t entry;
    uint32_t pad;
    uint64_t generation;
};

/*
 * TAKE: one more reference, as by a record in the ring, but with an answer. A client asks in this
 * way when it is near a limit. A record has no answer, so one beyond the limit cuts the session. A
 * record for which the store finds no memory is counted in the session's row (index.h), and its
 * reference is lost.
 *
 * WAIT (ring.h) says that a thread is about to sleep on the id's bucket. Its cookie is unique in
 * the session's life. The store arms the bucket, and wakes it at once if the id is there, or will
 * never be. LOOKUP with that cookie tells what became of the id, and ends the wait unless that is
 * PENDING. UNWAIT ends the wait without an answer. LOOKUP with cookie 0 is a plain question. A wait
 * that cannot be armed (LODE_SESSION_WAITS_MAX) wakes its thread at once, and the LOOKUP that
 * follows gets the ERROR.
 */
struct lode_msg_lookup {
    struct lode_msg_head head;
    lode_id id;
    uint64_t cookie;
};

enum lode_found {
    LODE_FOUND_SEALED = 1,  /* look into the index again */
    LODE_FOUND_PENDING = 2, /* not there; it may come */
    LODE_FOUND_ABORTED = 3, /* given up while this wait was armed */
    LODE_FOUND_GONE = 4,    /* not there, and it will not come */
    LODE_FOUND_REFUSED = 5, /* NOTIFY: it is not watched, the session has too many waits, or too
                               many for this id: `is_error` says which */
    LODE_FOUND_STARVED = 6, /* NOTIFY: it is not watched, for want of memory: ask again later. Of no
                               id: the WATCH_FILTER has ended, the client has too much unread */
    LODE_FOUND_LOOK = 7     /* NOTIFY, of no id, to WATCH_FILTER: look again, some may be decided */
};

struct lode_msg_found {
    struct lode_msg_head head;
    uint32_t status; /* enum lode_found */
    uint32_t pad;
    lode_id id; /* NAME_LOOKUP: the object's */
};

/*
 * One-shot for each id: NOTIFY tells each once, at once where it is known already. The OK to a
 * WATCH says that all its ids were looked at; what is known of them was told before it.
 */
struct lode_msg_watch {
    struct lode_msg_head head;
    uint64_t cookie; /* of the client's choice, repeated in NOTIFY */
    uint32_t count;
    uint32_t drain; /* UNWATCH, 1: drain all rings first, and tell what is found in them */
};

/*
 * A WATCH of ids in a row of one session: the i-th is lode_id_plus(first, i * step). It is about
 * what is decided from now on. What was before, the client asks with CHECK after the OK. ERROR: the
 * ids must be watched one by one. UNWATCH without ids ends it.
 */
struct lode_msg_watch_row {
    struct lode_msg_head head;
    uint64_t cookie;
    lode_id first;
    uint32_t count; /* 1 to LODE_STORE_ROW_MAX */
    uint32_t step;  /* 1 to LODE_STORE_STEP_MAX */
};

/*
 * A WATCH of ids of the user's choice, by a bit for the hash of each (api/layout/id_filter.h).
 * `promised`: of ids of sessions, too, with a bit for each row that these sessions have. The bits
 * go in parts, in order; the first has `at` 0, the last ends with the last bit and arms the watch.
 * NOTIFY may tell of other ids, too. It says LOOK, of no id, when a session has ended: the store
 * can't list its ids that will not come. If the client does not read what it is told, the watch
 * ends and says STARVED, of no id. What was before the OK to the last part, the client looks for
 * itself. ERROR, to the first part: the ids must be watched one by one. UNWATCH without ids ends
 * it.
 */
struct lode_msg_watch_filter {
    struct lode_msg_head head;
    uint64_t cookie;
    uint32_t count;    /* of ids and rows, 1 to LODE_SESSION_WAITS_MAX */
    uint32_t log2;     /* of the bits: lode_filter_log2(count), and `count` of them set at most */
    uint64_t at;       /* bytes before this part */
    uint32_t promised; /* 1: of ids of sessions, too */
    uint32_t pad;
};

/*
 * CHECK: which ids a get would not wait for. Nothing is armed. Bit i of CHECKED is 1 if the i-th
 * object is sealed, or will never be. With a step, one id follows: the i-th is lode_id_plus(id,
 * i * step).
 */
struct lode_msg_check {
    struct lode_msg_head head;
    uint32_t count; /* LODE_STORE_IDS_MAX at most; in a row LODE_STORE_ROW_MAX */
    uint32_t step;  /* LODE_STORE_STEP_MAX at most; 0: no row, `count` ids follow */
    uint32_t drain; /* 1: drain all rings first */
    uint32_t pad;
};

struct lode_msg_ready {
    lode_id id;
    uint32_t status;   /* enum lode_found, never PENDING */
    uint32_t is_error; /* 1: sealed, and of kind error; or refused, and for this id alone */
};

struct lode_msg_list {
    struct lode_msg_head head;
    uint64_t cursor; /* 0: from the start; in the reply 0: this was the last part */
    uint32_t count;
    uint32_t pad;
};

struct lode_msg_name {
    struct lode_msg_head head;
    lode_id id;
    uint64_t cursor;
    uint32_t flags;                 /* LODE_NAME_… */
    uint16_t space_size, name_size; /* bytes; 0xffff as space_size in NAME_LIST: every namespace */
};

struct lode_msg_stats {
    struct lode_msg_head head;
    lode_store_stats stats;
};

struct lode_msg_pins {
    struct lode_msg_head head;
    uint32_t slots; /* wanted; in the reply: how many may be used now */
    uint32_t pad;
};

struct lode_msg_released {
    struct lode_msg_head head;
    uint32_t entry;
    uint32_t pad;
    uint64_t generation;
};

/*
 * FAIL (scheduler): a task has failed. `count` results from `results` become error objects, all in
 * one step. The first attempt wins: if the first of them is sealed already, or was made and freed,
 * nothing is changed and the answer is OK. An id further on that is there is left alone. FAIL never
 * waits: if there is no room for `size` bytes at this moment, the object is the `short_size` bytes,
 * which lie in the entry. If there are not even entries for all of them, none is made, and all are
 * gone, so that nobody waits for them for ever. The answer is OK then, too.
 */
struct lode_msg_fail {
    struct lode_msg_head head;
    lode_id results;
    uint32_t count;
    uint32_t size;
    uint32_t short_size; /* at most LODE_INLINE_MAX */
    uint32_t pad;
};

/*
 * SETTLE (scheduler): session `session` is over, or its task is being settled. The store drains its
 * ring and says for each id whether it is sealed (enum lode_found).
 *
 * RESULTS (scheduler): the session has ended, and these of its results are still to come. The store
 * says PENDING for those that another session refers to or waits for. It says GONE for the others,
 * which nobody will ask for. RESULTS may come in several packets. One with fewer than
 * LODE_STORE_IDS_MAX ids, or with none, is the last. From then on results of that session that were
 * not named are GONE. RESULTS of session 0 only asks: its ids are of any sessions, which may live
 * on. The store says GONE of a result if nobody but its own session refers to it or waits for it.
 *
 * SETTLED also says SEALED of a result that was made and is freed already.
 */
struct lode_msg_settle {
    struct lode_msg_head head;
    uint64_t session;
    uint32_t count;
    uint32_t pad;
};

#endif
