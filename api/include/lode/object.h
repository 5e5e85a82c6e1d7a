/*
 * object.h: objects: bytes that never change once sealed, named by a 16-byte id. Stable.
 *
 * A reference (from a call that returns an id, or lode_keep()) keeps an object alive and ends with
 * lode_drop(); a pin (a view, from lode_get()) keeps its bytes in place and ends with
 * lode_release(). An object that nobody refers to is freed when its last pin goes. What a session
 * still refers to when it ends is dropped for it.
 *
 * fork(): a child may read what its parent had pinned, at the same addresses, until the child ends
 * or calls exec; what its parent does meanwhile, its end included, changes nothing. lode_release()
 * of such a view in the child does nothing: the bytes stay for the child's whole life. The child's
 * own children inherit all this. Where the store could not take note of the fork (it has no memory
 * or descriptors left, or did not answer within 5 s), a read of such a view is SIGSEGV in the child.
 */
#ifndef LODE_OBJECT_H
#define LODE_OBJECT_H

#include "array.h"
#include "cluster.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All zero: no object. Two ids name the same object exactly if their bytes are equal. */
typedef struct lode_id {
    uint8_t byte[16];
} lode_id;

enum { LODE_ID_TEXT_SIZE = 33 }; /* 32 hex digits and the closing zero */

typedef enum lode_kind {
    LODE_KIND_BLOB = 0,
    LODE_KIND_ARRAY = 1,
    LODE_KIND_ERROR = 2, /* why a task gave no result; a get returns it as an error */
    LODE_KIND_PYTHON = 3
} lode_kind;

typedef enum lode_object_class {
    LODE_CLASS_KEEP = 0, /* never lost under pressure */
    LODE_CLASS_CACHE = 1 /* may be evicted under pressure, least recently used first */
} lode_object_class;

/* An object that is being written: `data` is `size` writable bytes of shared memory. */
typedef struct lode_draft {
    void *data;
    size_t size;
    lode_id id;
    uint64_t reserved_[4]; /* the library's */
} lode_draft;

/* A pinned object: `data` is `size` bytes that do not change until lode_release(). */
typedef struct lode_view {
    const void *data;
    size_t size;
    lode_kind kind;
    lode_array array; /* a blob: one axis of u8 */
    lode_id id;
    uint64_t reserved_[3]; /* the library's */
} lode_view;

typedef struct lode_create_options {
    size_t struct_size;      /* sizeof(lode_create_options) */
    const lode_array *array; /* NULL: a blob */
    lode_id id;              /* zero: a new id; or one of lode_reserve() or lode_id_random() */
    lode_object_class object_class;
    lode_kind kind;       /* with array NULL: LODE_KIND_BLOB or LODE_KIND_PYTHON */
    const lode_id *holds; /* references that the sealed object holds, so long as it lives */
    size_t hold_count;    /* at most 1,024 */
} lode_create_options;

/*
 * Creates an unsealed object, writable by this process alone. Nobody sees it until it is sealed.
 *
 *   size_bytes  bytes; with options->array, 0 or exactly the array's size
 *   options     NULL: a blob with a new id
 *   draft_out   end it with lode_seal() or lode_abort()
 *
 * Blocking  up to timeout_ms for room (0: not at all)
 * Threads   any
 * Errors    LODE_EFULL    no room came in time; lode_last_error() has the numbers
 *           LODE_ETOOBIG  larger than the store
 *           LODE_EEXIST   options->id is in use, or it is a reserved one and was used
 *           LODE_EINVAL   the array is invalid, or an option out of range
 *           LODE_EUNSUPPORTED  an option that this library does not know is set
 *           LODE_EDOWN    the store is not running
 */
LODE_API LODE_MUST_CHECK lode_err lode_create(lode *db, size_t size_bytes,
                                              const lode_create_options *options,
                                              int64_t timeout_ms, lode_draft *draft_out);

/* lode_create() of an array with a new id. */
LODE_API LODE_MUST_CHECK lode_err lode_create_array(lode *db, const lode_array *array,
                                                    int64_t timeout_ms, lode_draft *draft_out);

/*
 * Seals a draft: from now on everyone can get it, and nobody can write it, the creator included
 * (a write is SIGSEGV). Ends the draft, also when it fails.
 *
 *   id_out  the object, which is draft->id; one reference of the caller's; NULL: not wanted
 *
 * Errors  LODE_EINVAL  the draft is not open; LODE_EDOWN
 *         LODE_ENOMEM  the process has too many maps to make its pages read-only: it was aborted
 */
LODE_API LODE_MUST_CHECK lode_err lode_seal(lode_draft *draft, lode_id *id_out);

/* Gives a draft up and ends it. Who waits for its id gets LODE_EABORTED. A zeroed draft: nothing. */
LODE_API void lode_abort(lode_draft *draft);

/*
 * Copies bytes into a new, sealed object. Up to some tens of KiB this takes no message and does
 * not wait for the store.
 *
 *   id_out  the object; one reference of the caller's. NULL is LODE_EINVAL, but where the caller has
 *           chosen the id with options->id
 *
 * Blocking, errors  as lode_create()
 */
LODE_API LODE_MUST_CHECK lode_err lode_put(lode *db, const void *data, size_t size_bytes,
                                           int64_t timeout_ms, lode_id *id_out);
LODE_API LODE_MUST_CHECK lode_err lode_put_array(lode *db, const lode_array *array,
                                                 const void *data, int64_t timeout_ms,
                                                 lode_id *id_out);

/* lode_put() with an id, class or references of the caller's choice. */
LODE_API LODE_MUST_CHECK lode_err lode_put_with(lode *db, const void *data, size_t size_bytes,
                                                const lode_create_options *options,
                                                int64_t timeout_ms, lode_id *id_out);

/*
 * Reserves ids that only this session can put under, later, with lode_create_options.id. Others may
 * wait for them from now on: lode_get() and lode_wait() in any process, or a task that has one as
 * its argument. So two processes hand objects to each other without a message between them.
 *
 *   ids_out  `count` ids; one reference of the caller's each, which the put does not double
 *
 * A put under one of them costs what a put under a new id costs; a second one is LODE_EEXIST, also
 * after a draft that was aborted: who waits for that one gets LODE_EABORTED or LODE_EGONE. When the
 * session ends, who waits for one that was not put gets LODE_EGONE. Blocking: never. Errors:
 * LODE_EDOWN.
 */
LODE_API LODE_MUST_CHECK lode_err lode_reserve(lode *db, size_t count, lode_id *ids_out);

/*
 * Waits until the object is sealed and pins it. If it is there already: no message, no lock, no
 * system call.
 *
 *   view_out  end it with lode_release(); outlives lode_close()
 *
 * Blocking  up to timeout_ms; 0: not at all
 * Errors    LODE_ETIMEDOUT  it is not there yet
 *           LODE_EGONE      it was freed, or its maker's session ended without making it
 *           LODE_EABORTED   it was given up while this call waited
 *           LODE_ETASK, LODE_ECRASHED, LODE_ECANCELLED, LODE_ELIBRARY
 *                           the task that was to make it failed; see lode_failure()
 *           LODE_EDOWN      the store died
 *           LODE_EINVAL     the zero id
 *           LODE_ELIMIT     8,192 threads of this session wait for this object already
 */
LODE_API LODE_MUST_CHECK lode_err lode_get(lode *db, lode_id id, int64_t timeout_ms,
                                           lode_view *view_out);

/*
 * lode_get() of `count` objects within one timeout: all or none. The same id may occur more than
 * once.  views_out has `count` entries.
 */
LODE_API LODE_MUST_CHECK lode_err lode_get_many(lode *db, const lode_id *ids, size_t count,
                                                int64_t timeout_ms, lode_view *views_out);

/* lode_get() of a scalar. Errors: also LODE_ETYPE, it is something else. */
LODE_API LODE_MUST_CHECK lode_err lode_get_i64(lode *db, lode_id id, int64_t timeout_ms,
                                               int64_t *value_out);
LODE_API LODE_MUST_CHECK lode_err lode_get_f64(lode *db, lode_id id, int64_t timeout_ms,
                                               double *value_out);

/* Ends a view and zeroes it. Never blocks. NULL or a zeroed view: nothing. */
LODE_API void lode_release(lode_view *view);

/*
 * Takes one more reference to an object, or to one that is still to come. The id must be kept
 * alive by its giver until this returns.
 *
 * Blocking  only if the session's ring is full
 * Errors    LODE_EINVAL  the zero id; LODE_EDOWN
 *           LODE_ELIMIT  the session refers to as many ids that do not exist as it can (262,144 of
 *                        others, 1,048,576 of its own); or there are as many references as can be
 */
LODE_API LODE_MUST_CHECK lode_err lode_keep(lode *db, lode_id id);

/* Ends one reference of this session. The zero id, NULL or a dead store: nothing. */
LODE_API void lode_drop(lode *db, lode_id id);

/*
 * Waits until `want` of `count` objects are there (sealed, failed or gone: a get would not wait).
 *
 *   ready_out        `count` booleans; NULL: not wanted
 *   ready_count_out  how many are there; NULL: not wanted; both written on LODE_ETIMEDOUT too
 *
 * As soon as `want` are found no further ones are looked at, so both tell of at least so many then,
 * from the front; of all that are there, if there are fewer.
 * An id that occurs more than once counts each time.
 * Errors  LODE_ETIMEDOUT; LODE_EINVAL want > count or a zero id; LODE_EDOWN; LODE_ELIMIT the session
 *         waits for more than 1,048,576 objects
 */
LODE_API LODE_MUST_CHECK lode_err lode_wait(lode *db, const lode_id *ids, size_t count, size_t want,
                                            int64_t timeout_ms, bool *ready_out,
                                            size_t *ready_count_out);

/* True in *there_out if the object is sealed at this moment. Errors: LODE_EDOWN, LODE_EINVAL. */
LODE_API LODE_MUST_CHECK lode_err lode_contains(lode *db, lode_id id, bool *there_out);

/*
 * Deletes an object whoever refers to it: no get finds it from now on, waiters get LODE_EGONE, and
 * its bytes go with its last pin. Errors: LODE_EGONE no such object; LODE_EAGAIN it is still being
 * written; LODE_EDOWN.
 */
LODE_API LODE_MUST_CHECK lode_err lode_delete(lode *db, lode_id id);

typedef enum lode_state {
    LODE_STATE_CREATED = 1,
    LODE_STATE_SEALED = 2,
    LODE_STATE_SPILLED = 3
} lode_state;

/* What the store knows of one object. */
typedef struct lode_object_info {
    lode_id id;
    lode_state state;
    lode_kind kind;
    lode_object_class object_class;
    lode_array array;
    uint64_t size_bytes;
    uint64_t references; /* of sessions, names and containers */
    uint64_t pins;       /* at the moment of asking */
    uint64_t age_ns;     /* since it was created */
    uint64_t maker_session;
    int64_t maker_pid; /* 0: its session has ended */
} lode_object_info;

/* Errors: LODE_EGONE; LODE_EDOWN. */
LODE_API LODE_MUST_CHECK lode_err lode_stat(lode *db, lode_id id, lode_object_info *info_out);

/*
 * Calls `each` for every object there is, in no order, without stopping the store; an object made
 * or freed meanwhile may be seen or not. `each` returns false to stop.
 */
typedef bool (*lode_list_fn)(const lode_object_info *info, void *arg);
LODE_API LODE_MUST_CHECK lode_err lode_list(lode *db, lode_list_fn each, void *arg);

/*
 * Names. A name is one to 255 bytes of UTF-8 without '/'; `space` is its namespace, under the same
 * rule, or NULL for the default one. A name keeps its object alive.
 */

enum { LODE_NAME_REPLACE = 1 }; /* lode_name_set(): an existing name is rebound, atomically */

/* Errors: LODE_EEXIST without LODE_NAME_REPLACE; LODE_EGONE no such object; LODE_EINVAL. */
LODE_API LODE_MUST_CHECK lode_err lode_name_set(lode *db, const char *space, const char *name,
                                                lode_id id, uint32_t flags);

/*
 * Waits until the name exists and gives the object's id, as one reference of the caller's.
 * Errors: LODE_ETIMEDOUT (LODE_ENOTFOUND with timeout 0); LODE_EINVAL; LODE_EDOWN.
 */
LODE_API LODE_MUST_CHECK lode_err lode_name_lookup(lode *db, const char *space, const char *name,
                                                   int64_t timeout_ms, lode_id *id_out);

/* lode_get() by name; without a message if the name and the object are there. */
LODE_API LODE_MUST_CHECK lode_err lode_name_get(lode *db, const char *space, const char *name,
                                                int64_t timeout_ms, lode_view *view_out);

/* Errors: LODE_ENOTFOUND. */
LODE_API LODE_MUST_CHECK lode_err lode_name_remove(lode *db, const char *space, const char *name);

/* As lode_list(); space NULL: those of every namespace. */
typedef bool (*lode_name_fn)(const char *space, const char *name, lode_id id, void *arg);
LODE_API LODE_MUST_CHECK lode_err lode_name_list(lode *db, const char *space, lode_name_fn each,
                                                 void *arg);

/* Ids as text. lode_id_parse(): 32 hex digits; errors: LODE_EINVAL. */
LODE_API bool lode_id_is_zero(lode_id id);
LODE_API bool lode_id_equal(lode_id a, lode_id b);
LODE_API void lode_id_format(lode_id id, char text_out[LODE_ID_TEXT_SIZE]);
LODE_API LODE_MUST_CHECK lode_err lode_id_parse(const char *text, lode_id *id_out);

/* A random id that the caller may choose for an object. Errors: LODE_ESYS. */
LODE_API LODE_MUST_CHECK lode_err lode_id_random(lode_id *id_out);

#ifdef __cplusplus
}
#endif
#endif
