/*
 * object.h: objects: bytes that never change once sealed, named by a 16-byte id. Stable.
 *
 * A reference keeps an object alive. A call that returns an id gives one, as does lode_keep();
 * lode_drop() ends it. A pin keeps an object's bytes in place. Each view from lode_get() has one;
 * lode_release() ends it. An object that nobody refers to is freed when its last pin goes. When a
 * session ends, what it still refers to is dropped for it.
 *
 * Threads, and the errors of every call: see `lode` in cluster.h.
 *
 * fork(): a child may read what its parent had pinned, at the same addresses, until the child ends
 * or calls exec. Nothing that the parent does meanwhile changes that, nor does the parent's end.
 * lode_release() of such a view in the child does nothing: the bytes stay for the child's whole
 * life. The child's own children inherit all this. If the store could not take note of the fork (no
 * memory or descriptor is left, or it did not answer within 5 s), the child that reads such a view
 * gets SIGSEGV.
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

enum { LODE_ID_TEXT_SIZE = 33 }; /* 32 hex digits and the final zero */

typedef enum lode_kind {
    LODE_KIND_BLOB = 0,
    LODE_KIND_ARRAY = 1,
    LODE_KIND_ERROR = 2, /* why a task gave no result; a get returns it as an error */
    LODE_KIND_PYTHON = 3
} lode_kind;

typedef enum lode_object_class {
    LODE_CLASS_KEEP = 0,
    LODE_CLASS_CACHE = 1 /* a note that it can be made again: the store evicts nothing */
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
 *   draft_out   set only on LODE_OK
 *
 * Ownership  the caller ends the draft with lode_seal() or lode_abort(), in any thread
 * Blocking   up to timeout_ms for room; 0: one message and its answer
 * Errors     LODE_EFULL    no room came in time; lode_last_error() has the numbers
 *            LODE_ETIMEDOUT  the store does not answer (cluster.h). A reserved id may be used up
 *                            then
 *            LODE_ETOOBIG  larger than the store
 *            LODE_EEXIST   options->id is in use, or it is a reserved one and was used
 *            LODE_EINVAL   the array is invalid, an option out of range, or options->id is of
 *                          another session
 *            LODE_EUNSUPPORTED  an option that this library does not know is set
 *            LODE_ELIMIT   the session has 16,384 drafts, or the store as many objects as it can
 */
LODE_API LODE_MUST_CHECK lode_err lode_create(lode *db, size_t size_bytes,
                                              const lode_create_options *options,
                                              int64_t timeout_ms, lode_draft *draft_out);

/* lode_create() of an array with a new id. Blocking, ownership and errors are the same. */
LODE_API LODE_MUST_CHECK lode_err lode_create_array(lode *db, const lode_array *array,
                                                    int64_t timeout_ms, lode_draft *draft_out);

/*
 * Seals a draft: from now on everyone can get it. Nobody can write it any more, the creator
 * included: a write is SIGSEGV. The call ends the draft, also when it fails.
 *
 *   id_out  the object, which is draft->id. NULL: not wanted
 *
 * Ownership  the caller has one reference to the object, whether id_out is NULL or not. Under an id
 *            of lode_reserve() it is the one that the caller has had since then, and no other
 * Blocking   one message and its answer
 * Errors     LODE_ETIMEDOUT  the store does not answer (cluster.h): the object may be sealed yet,
 *                         and is dropped then
 *            LODE_EINVAL  the draft is not open, or is a task's result
 *            LODE_ENOMEM  the process has too many maps to make the pages read-only; the draft was
 *                         aborted
 */
LODE_API LODE_MUST_CHECK lode_err lode_seal(lode_draft *draft, lode_id *id_out);

/*
 * Gives a draft up and ends it. Callers that wait for its id get LODE_EABORTED. NULL or a zeroed
 * draft: nothing. It waits for no answer, and 5 s at most for a store that reads no messages.
 */
LODE_API void lode_abort(lode_draft *draft);

/*
 * Copies bytes into a new, sealed object. Up to 32 KiB this takes no message and does not wait for
 * the store, until the session's ring is full.
 *
 *   data    size_bytes bytes; NULL only if there are none
 *   id_out  the object. NULL is LODE_EINVAL, unless the caller has chosen the id with options->id
 *
 * Ownership  the caller has one reference to the object; `data` stays the caller's
 * Blocking   up to timeout_ms for room
 * Errors     as lode_create()
 */
LODE_API LODE_MUST_CHECK lode_err lode_put(lode *db, const void *data, size_t size_bytes,
                                           int64_t timeout_ms, lode_id *id_out);

/* lode_put() of an array, with the same errors: `data` has lode_array_size() bytes. */
LODE_API LODE_MUST_CHECK lode_err lode_put_array(lode *db, const lode_array *array,
                                                 const void *data, int64_t timeout_ms,
                                                 lode_id *id_out);

/*
 * lode_put() with an id, class, array or references of the caller's choice. An id that was not
 * reserved, and references, cost a message and its answer. Errors: as lode_create().
 */
LODE_API LODE_MUST_CHECK lode_err lode_put_with(lode *db, const void *data, size_t size_bytes,
                                                const lode_create_options *options,
                                                int64_t timeout_ms, lode_id *id_out);

/*
 * Reserves ids that only this session can put under, later, with lode_create_options.id. Others may
 * wait for them from now on: lode_get() and lode_wait() in any process, or a task that has one as
 * its argument. So two processes hand objects to each other without a message between them.
 *
 *   ids_out  room for `count` ids; NULL only if `count` is 0
 *
 * A put under one of them costs what a put under a new id costs. A second put is LODE_EEXIST, also
 * after a draft that was aborted: callers that wait for that id get LODE_EABORTED or LODE_EGONE.
 * When the session ends, callers that wait for an id that was not put get LODE_EGONE.
 *
 * Ownership  the caller has one reference to each; the put does not give another one
 * Blocking   never; no message
 * Errors     those of every call
 */
LODE_API LODE_MUST_CHECK lode_err lode_reserve(lode *db, size_t count, lode_id *ids_out);

/*
 * Waits until the object is sealed, and pins it. If it is there already, this takes no message, no
 * lock and no system call. Only the first call after the session did nothing for 10 ms rings a bell
 * (one system call, which waits for nothing), as the store does not look at idle sessions.
 *
 *   view_out  the pinned object; set only on LODE_OK
 *
 * Ownership  the caller ends the view with lode_release(), in any thread; it may outlive
 *            lode_close()
 * Blocking   up to timeout_ms. With 0, an object that is not there costs a message and its answer
 * Errors     LODE_ETIMEDOUT  it is not there yet, or the store does not answer: the sentence says
 *                            which
 *            LODE_EGONE      it was freed, or its maker's session ended without making it
 *            LODE_EABORTED   it was given up while this call waited
 *            LODE_ETASK, LODE_ECRASHED, LODE_ECANCELLED, LODE_ELIBRARY and others
 *                            the task that was to make it failed; lode_failure() says why
 *            LODE_EDOWN      the store has died; or the scheduler, which was to have it made
 *            LODE_EINVAL     the zero id
 *            LODE_ELIMIT     8,192 threads of this session wait for this object already, or the
 *                            session has 1,048,576 views
 */
LODE_API LODE_MUST_CHECK lode_err lode_get(lode *db, lode_id id, int64_t timeout_ms,
                                           lode_view *view_out);

/*
 * lode_get() of `count` objects within one timeout: all or none. The same id may occur more than
 * once. views_out has `count` entries. What it waits for, and its errors, are those of lode_get();
 * and LODE_ENOMEM as of lode_wait().
 */
LODE_API LODE_MUST_CHECK lode_err lode_get_many(lode *db, const lode_id *ids, size_t count,
                                                int64_t timeout_ms, lode_view *views_out);

/*
 * lode_get() of a scalar, which is copied: there is no view to release. Errors: as lode_get(), and
 * LODE_ETYPE: it is something else.
 */
LODE_API LODE_MUST_CHECK lode_err lode_get_i64(lode *db, lode_id id, int64_t timeout_ms,
                                               int64_t *value_out);
LODE_API LODE_MUST_CHECK lode_err lode_get_f64(lode *db, lode_id id, int64_t timeout_ms,
                                               double *value_out);

/*
 * Ends a view, whose `data` is NULL and `size` 0 then. Any thread. NULL, a zeroed view, or one that
 * was released: nothing. Never blocks, but for a store that waits for this pin and reads no
 * messages: 5 s at most.
 */
LODE_API void lode_release(lode_view *view);

/*
 * Takes one more reference to an object, or to one that is still to come. The program that gave the
 * id to the caller must keep its own reference until this returns.
 *
 * Ownership  the caller ends the reference with lode_drop()
 * Blocking   while the session's ring is full, 5 s at most. Near a limit: one message and its
 *            answer
 * Errors     LODE_EINVAL  the zero id
 *            LODE_ELIMIT  the session refers to as many ids that do not exist as it can (262,144 of
 *                         others, 1,048,576 of its own); or there are as many references as can be
 *            LODE_EFULL   the store has no memory to remember one more, or had none for some that
 *                         were taken before: the sentence says which
 */
LODE_API LODE_MUST_CHECK lode_err lode_keep(lode *db, lode_id id);

/*
 * Ends one reference of this session. The zero id, NULL or a dead store: nothing. It waits only
 * while the session's ring is full, 5 s at most: then the drop is kept, and done with a later call.
 * The store reads small drops together with others, or when it has something else to do for
 * anybody: until then an object that nobody refers to may still be found.
 */
LODE_API void lode_drop(lode *db, lode_id id);

/*
 * lode_drop() of each of `count` ids, at a fraction of the cost. The same id may occur more than
 * once: each time ends one reference. NULL: nothing. While the session's ring is full it waits for
 * room, 5 s at most for each 256 of them. If a store that stands still makes none in that time, it
 * waits no more: these and all that follow are kept, and done with a later call.
 */
LODE_API void lode_drop_many(lode *db, const lode_id *ids, size_t count);

/*
 * Waits until `want` of `count` objects are there. An object is there if a get would not wait: it
 * is sealed, failed or gone, or the result of a task whose scheduler has died.
 *
 *   ready_out        `count` booleans; NULL: not wanted
 *   ready_count_out  how many are there; NULL: not wanted
 *
 * Both are written on LODE_OK and on LODE_ETIMEDOUT. The call looks at the ids from the front, and
 * stops as soon as `want` of them are there. So after LODE_OK an id further back may be there, too,
 * and not be counted. An id that occurs more than once counts each time.
 *
 * Blocking  up to timeout_ms. With 0, ids that are not there cost a message and its answer
 * Errors    LODE_ETIMEDOUT  fewer than `want` are there
 *           LODE_EINVAL     want > count, or a zero id
 *           LODE_ELIMIT     the session waits for more than 1,048,576 objects
 *           LODE_ENOMEM     no memory to wait for so many; or ids of the user's choice are among
 *                           them, the store can keep no more for this process, which was stopped
 *                           while 10^5 objects and more were made, and fewer than `want` are
 *                           there: the sentence says which
 *           LODE_EDOWN      the store has died; or the scheduler, and without results of tasks
 *                           `want` objects cannot be there
 */
LODE_API LODE_MUST_CHECK lode_err lode_wait(lode *db, const lode_id *ids, size_t count, size_t want,
                                            int64_t timeout_ms, bool *ready_out,
                                            size_t *ready_count_out);

/*
 * Whether the object is sealed at this moment. If it is not, this costs a message and its answer.
 *
 * Errors  LODE_EINVAL  the zero id
 */
LODE_API LODE_MUST_CHECK lode_err lode_contains(lode *db, lode_id id, bool *there_out);

/*
 * Deletes an object, whoever refers to it. No get finds it from now on, and callers that wait for
 * it get LODE_EGONE. Its names go at once, its bytes with its last pin.
 *
 * Blocking  one message and its answer
 * Errors    LODE_EGONE   no such object
 *           LODE_EAGAIN  it is still being written; or a result, or a reserved id, still to come
 *           LODE_EINVAL  the zero id
 */
LODE_API LODE_MUST_CHECK lode_err lode_delete(lode *db, lode_id id);

typedef enum lode_state {
    LODE_STATE_CREATED = 1,
    LODE_STATE_SEALED = 2,
    LODE_STATE_SPILLED = 3 /* never: nothing is spilled */
} lode_state;

/* What the store knows of one object. */
typedef struct lode_object_info {
    lode_id id;
    lode_state state;
    lode_kind kind;
    lode_object_class object_class;
    lode_array array;
    uint64_t size_bytes;
    uint64_t references; /* of sessions, names and containers. Those that a session and its calls
                            have to a result of its own may count as one */
    uint64_t pins;       /* at the moment of asking */
    uint64_t age_ns;     /* since it was created */
    uint64_t maker_session;
    int64_t maker_pid; /* in the store's pid namespace; 0: its session has ended; -1: its session
                          lives, and its process cannot be seen from that namespace */
} lode_object_info;

/*
 * What the store knows of one object, which need not be sealed.
 *
 * Blocking  one message and its answer
 * Errors    LODE_EGONE   no such object, or nobody refers to it any more
 *           LODE_EAGAIN  a result, or a reserved id, still to come
 *           LODE_EINVAL  the zero id
 */
LODE_API LODE_MUST_CHECK lode_err lode_stat(lode *db, lode_id id, lode_object_info *info_out);

/*
 * Calls `each` for every object there is, in no order. The store goes on meanwhile: an object that
 * is made or freed during the call may be seen or not.
 *
 *   each  runs on this thread, and may make calls of its own; false: stop. `info` is valid until it
 *         returns
 *
 * Blocking  a message and its answer for some hundred objects each
 * Errors    those of every call
 */
typedef bool (*lode_list_fn)(const lode_object_info *info, void *arg);
LODE_API LODE_MUST_CHECK lode_err lode_list(lode *db, lode_list_fn each, void *arg);

/*
 * Names. A name has one to 255 bytes of UTF-8 without '/'. `space` is its namespace, under the same
 * rule, or NULL or "" for the default one. A name keeps its object alive, also after the session
 * that set it has ended. A name or namespace that breaks the rule is LODE_EINVAL.
 */

enum { LODE_NAME_REPLACE = 1 }; /* lode_name_set(): an existing name is rebound, atomically */

/*
 * Gives a name to a sealed object.
 *
 * Blocking  one message and its answer
 * Errors    LODE_EEXIST  the name exists, and LODE_NAME_REPLACE is not given
 *           LODE_EGONE   no such object
 *           LODE_EAGAIN  the object is still to come: wait for it first
 *           LODE_EINVAL  the zero id, or flags that there are not
 *           LODE_ELIMIT, LODE_EFULL  the store can have no more names, or no later version (see
 *                        lode_name_wait())
 */
LODE_API LODE_MUST_CHECK lode_err lode_name_set(lode *db, const char *space, const char *name,
                                                lode_id id, uint32_t flags);

/*
 * Waits until the name exists, and gives the id of its object.
 *
 * Ownership  the caller has one reference to the object
 * Blocking   up to timeout_ms; 0: one message and its answer
 * Errors     LODE_ETIMEDOUT  the name does not exist yet, or the store does not answer: the
 *                            sentence says which
 *            LODE_ENOTFOUND  the name does not exist, with timeout_ms 0
 *            LODE_ELIMIT, LODE_EFULL  there can be no more references
 */
LODE_API LODE_MUST_CHECK lode_err lode_name_lookup(lode *db, const char *space, const char *name,
                                                   int64_t timeout_ms, lode_id *id_out);

/*
 * lode_get() by name: no message if the name and the object are there. Errors: as
 * lode_name_lookup() and lode_get().
 */
LODE_API LODE_MUST_CHECK lode_err lode_name_get(lode *db, const char *space, const char *name,
                                                int64_t timeout_ms, lode_view *view_out);

/*
 * Waits until the version of a name is above `after_version`, and gets the object that the name is
 * bound to then. A name has a version, which each lode_name_set() counts up by one. It never goes
 * back while the cluster lives: a name that was removed, and is set again, has a version above all
 * that it had before. So whoever follows it sees the new version, and never an old one again. The
 * versions of a new name begin with 1 as long as no name was removed, and then above the highest
 * version that any removed name had: a version says what is newer, not how often the name was set.
 * The last one is 2^40 - 1. It is reached after four months at 100,000 a second; then that name
 * cannot be set again, and if it is removed, no new name can be set.
 *
 * A consumer calls this with the version that it has seen last, or 0. It never polls, and always
 * gets the latest version; those that came and went meanwhile are skipped. A name that does not
 * exist, or is removed while this waits, is waited for. A version that is there already costs what
 * lode_get() of an object that is there does, and a wait for a name that was waited for before
 * takes none of the store's time.
 *
 *   view_out     the pinned object; NULL: not wanted
 *   version_out  its version; NULL: not wanted. Set on LODE_OK, and also where the name is bound
 *                to the error of a task: a consumer goes on behind it
 *
 * The store numbers versions: after LODE_EDOWN a consumer begins with 0 at the next store.
 *
 * Ownership  the caller ends the view with lode_release()
 * Blocking   up to timeout_ms; 0: no message if the name exists, else one message and its answer
 * Errors     LODE_ETIMEDOUT  there is no version above after_version yet, or the store does not
 *                            answer: the sentence says which
 *            LODE_ENOTFOUND  the name does not exist, with timeout_ms 0
 *            LODE_EINVAL     after_version is the last version that can be, or above it
 *            LODE_EDOWN      the store has died
 *            LODE_ECANCELLED in a task that is cancelled
 *            LODE_ETASK, LODE_ECRASHED and others  the name is bound to the error of a task that
 *                            has failed: that of lode_get(). Without view_out, LODE_OK
 */
LODE_API LODE_MUST_CHECK lode_err lode_name_wait(lode *db, const char *space, const char *name,
                                                 uint64_t after_version, int64_t timeout_ms,
                                                 lode_view *view_out, uint64_t *version_out);

/*
 * Ends a name, and the name's reference to its object.
 *
 * Blocking  one message and its answer
 * Errors    LODE_ENOTFOUND  there is no such name
 */
LODE_API LODE_MUST_CHECK lode_err lode_name_remove(lode *db, const char *space, const char *name);

/*
 * Names, as lode_list() lists objects, errors included. `space` NULL: those of every namespace;
 * "": those of the default one, which each() is given as "", too.
 */
typedef bool (*lode_name_fn)(const char *space, const char *name, lode_id id, void *arg);
LODE_API LODE_MUST_CHECK lode_err lode_name_list(lode *db, const char *space, lode_name_fn each,
                                                 void *arg);

/*
 * Ids, and ids as text. No session is needed; any thread; nothing blocks. The text of an id is 32
 * hex digits and a final zero. Errors of lode_id_parse(): LODE_EINVAL, it is no such text.
 */
LODE_API bool lode_id_is_zero(lode_id id);
LODE_API bool lode_id_equal(lode_id a, lode_id b);
LODE_API void lode_id_format(lode_id id, char text_out[LODE_ID_TEXT_SIZE]);
LODE_API LODE_MUST_CHECK lode_err lode_id_parse(const char *text, lode_id *id_out);

/* A random id that the caller may choose for an object, with options->id. Errors: LODE_ESYS. */
LODE_API LODE_MUST_CHECK lode_err lode_id_random(lode_id *id_out);

#ifdef __cplusplus
}
#endif
#endif
