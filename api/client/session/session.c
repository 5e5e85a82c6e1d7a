#include "api/client/session/session.h"

#include "api/base/assert.h"
#include "api/system/descriptor.h"
#include "api/system/membarrier.h"
#include "api/system/tricks.h"
#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/client/channel/ring_ids.h"
#include "api/client/session/dependents.h"
#include "api/client/session/handle.h"
#include "api/client/session/process.h"
#include "api/client/session/threads.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- attaching ---------------------------------------------------------------------------- */

/*
 * No fork may come between the connect and the note of it: the child would keep the socket for
 * good.
 */
static lode_err
connect_store(lode *db)
{
    char path[LODE_PATH_MAX];
    pid_t pid;
    uid_t uid;
    int fd = -1;
    LODE_TRY(lode_path_join(path, sizeof path, db->paths.dir, LODE_FILE_STORE_SOCKET));
    lode_process_lock();
    lode_err err = lode_socket_connect(path, &fd);
    fd = lode_descriptor_hang_high(fd);
    db->calls.socket.fd = fd;
    lode_process_unlock();
    LODE_TRY(err);
    LODE_TRY(lode_socket_peer(fd, &pid, &uid));
    db->calls.socket.pid = pid;
    if (uid != geteuid()) {
        return lode_fail_with(LODE_EDENIED, "the cluster in '%s' belongs to user %u, not to you",
                              db->paths.dir, (unsigned)uid);
    }
    return LODE_OK;
}

static lode_err
check_file_size(int fd, uint64_t bytes, const char *what)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return lode_fail_errno("cannot look at the store's %s", what);
    }
    if ((uint64_t)st.st_size < bytes) {
        return lode_fail_with(LODE_EVERSION,
                              "the store's %s has %lld bytes, this library needs %llu: use one "
                              "version on both sides",
                              what, (long long)st.st_size, (unsigned long long)bytes);
    }
    return LODE_OK;
}

static lode_err
map_index(lode *db, int fd, const struct lode_msg_welcome *welcome)
{
    LODE_TRY(check_file_size(fd, LODE_INDEX_BYTES, "index"));
    void *base = mmap(NULL, LODE_INDEX_BYTES, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base == MAP_FAILED) {
        return lode_fail_errno("cannot map the store's index");
    }
    const struct lode_index_header *header = base;
    db->index.base = base;
    if (header->magic != LODE_INDEX_MAGIC || header->major != LODE_LAYOUT_MAJOR ||
        header->page_size != LODE_PAGE || header->generation != welcome->generation) {
        return lode_fail_with(LODE_EVERSION,
                              "the index has layout %u.%u, this library reads %d: use one version "
                              "on both sides",
                              (unsigned)header->major, (unsigned)header->minor, LODE_LAYOUT_MAJOR);
    }
    lode_index_view_init(&db->index, base, welcome->row);
    lode_near_init(&db->near);
    return LODE_OK;
}

static lode_err
map_session_file(lode *db, int fd)
{
    struct lode_session_header header;
    if (pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header) {
        return lode_fail_errno("cannot read the session's file");
    }
    uint32_t ring_bytes = header.ring_bytes;
    if (header.magic != LODE_SESSION_MAGIC || header.major != LODE_LAYOUT_MAJOR ||
        header.session != db->number || ring_bytes < LODE_RING_BYTES_MIN ||
        ring_bytes > LODE_RING_BYTES_MAX || (ring_bytes & (ring_bytes - 1)) != 0) {
        return lode_fail_with(LODE_EVERSION,
                              "the session's file has layout %u.%u and a ring of %u bytes: use "
                              "one version on both sides",
                              (unsigned)header.major, (unsigned)header.minor, (unsigned)ring_bytes);
    }
    db->file_bytes = lode_session_file_bytes(ring_bytes);
    LODE_TRY(check_file_size(fd, db->file_bytes, "session file"));
    LODE_TRY(lode_segments_except(&db->segments, fd));
    void *map =
        mmap(NULL, db->file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (map == MAP_FAILED) {
        return lode_fail_errno("cannot map the session's file");
    }
    madvise(map, db->file_bytes,
            MADV_DONTFORK); /* two writers of one ring would be the end of it */
    db->file = map;
    db->pins = (void *)((uint8_t *)map + lode_pins_offset(ring_bytes));
    return LODE_OK;
}

static lode_err
say_hello(lode *db, uint32_t hello_flags, struct lode_msg_welcome *welcome, int fds[3])
{
    struct lode_msg_hello hello = {.head.type = LODE_MSG_HELLO,
                                   .magic = LODE_STORE_MAGIC,
                                   .major = LODE_STORE_WIRE_MAJOR,
                                   .minor = LODE_STORE_WIRE_MINOR,
                                   .flags = hello_flags};
    struct lode_reply reply = {.type = LODE_MSG_WELCOME,
                               .packet = welcome,
                               .room = sizeof *welcome,
                               .fds_wanted = 3,
                               .answer_by = lode_answer_by()};
    LODE_TRY(lode_store_ask(&db->calls, &hello.head, sizeof hello, NULL, 0, &reply));
    if (reply.size == sizeof *welcome && welcome->major == LODE_STORE_WIRE_MAJOR &&
        welcome->row < LODE_SESSION_ROWS) {
        memcpy(fds, reply.fds, 3 * sizeof *fds);
        return LODE_OK;
    }
    for (size_t i = 0; i < reply.fd_count; i++) {
        close(reply.fds[i]);
    }
    return lode_fail_with(LODE_EVERSION,
                          "the store speaks version %u, this library %d: use one version on both "
                          "sides",
                          (unsigned)welcome->major, LODE_STORE_WIRE_MAJOR);
}

static void
drop_late(void *arg, lode_id id)
{
    lode *db = arg;
    lode_ring_drop_now(&db->ring, id);
}

static lode_err
attach(lode *db, uint32_t hello_flags)
{
    struct lode_msg_welcome welcome = {0};
    int fds[3];
    LODE_TRY(connect_store(db));
    LODE_TRY(lode_store_calls_start(&db->calls));
    LODE_TRY(say_hello(db, hello_flags, &welcome, fds));
    db->calls.bell_fd = lode_descriptor_hang_high(fds[2]);
    db->number = welcome.session;
    lode_err err = map_index(db, fds[0], &welcome);
    err = err == LODE_OK ? map_session_file(db, fds[1]) : err;
    close(fds[0]);
    close(fds[1]);
    LODE_TRY(err);
    LODE_TRY(lode_pin_slots_init(&db->pin_slots, &db->file->pin_high, LODE_PIN_FIRST));
    db->row = (const struct lode_session_row *)(db->index.base + LODE_ROWS_OFFSET) + welcome.row;
    bool is_fenced = (db->row->flags & LODE_ROW_PLAIN_RELEASE) != 0;
    db->plain_release = is_fenced && lode_trick_wanted(LODE_TRICK_PLAIN);
    lode_ring_init(&db->ring, db->file, db->row, &db->index, &db->calls);
    db->calls.drop_late_arg = db;
    db->calls.drop_late = drop_late;
    atomic_store_explicit(&db->attached, true, memory_order_release);
    return LODE_OK;
}

/* Takes apart what there is; parts that were never made are NULL or -1. */
static void
destroy(lode *db)
{
    lode_store_calls_fini(&db->calls); /* first: the store must not see a session without pins */
    lode_segments_fini(&db->segments);
    lode_drafts_fini(&db->drafts);
    if (db->ring.bytes != NULL) {
        lode_births_clear(&db->reserved_made);
        lode_ring_fini(&db->ring);
    }
    if (db->pin_slots.next != NULL) {
        lode_pin_slots_fini(&db->pin_slots);
    }
    if (db->file != NULL) {
        munmap(db->file, db->file_bytes);
    }
    if (db->index.base != NULL) {
        munmap((void *)(uintptr_t)db->index.base, LODE_INDEX_BYTES);
    }
    free(db);
}

lode_err
lode_session_attach(const struct lode_paths *paths, uint32_t hello_flags, uint32_t open_flags,
                    lode **db_out)
{
    /* session.h [4]. First of all: as long as there is no other thread, it takes some us. */
    hello_flags |= LODE_HELLO_RINGS | (lode_membarrier_join() ? LODE_HELLO_FENCED : 0);
    hello_flags |= hello_flags & LODE_HELLO_MAKER ? 0 : LODE_HELLO_LEAN; /* workers always commit */
    LODE_TRY(lode_process_watch_forks());
    lode *db = aligned_alloc(LODE_LINE, (sizeof *db + LODE_LINE - 1) / LODE_LINE * LODE_LINE);
    if (db == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for a session");
    }
    memset(db, 0, sizeof *db);
    db->paths = *paths;
    db->open_flags = open_flags;
    lode_err err = lode_store_calls_init(&db->calls);
    if (err != LODE_OK) {
        free(db);
        return err;
    }
    lode_segments_init(&db->segments, &db->calls, (open_flags & LODE_OPEN_UNPROTECTED) != 0);
    lode_drafts_init(&db->drafts);
    lode_process_add(db);
    err = attach(db, hello_flags);
    if (err != LODE_OK) {
        lode_process_remove(db, db->serial);
        destroy(db);
        return err;
    }
    *db_out = db;
    return LODE_OK;
}

/* ---- what others ask ---------------------------------------------------------------------- */

lode_err
lode_session_check(const lode *db)
{
    if (db == NULL) {
        return lode_fail_with(LODE_EINVAL, "the session is NULL: lode_open() gives one");
    }
    uint32_t state = atomic_load_explicit(&db->state, memory_order_relaxed);
    if (state == LODE_SESSION_FORKED) {
        return lode_fail_with(LODE_EFORKED,
                              "this session was opened before fork() and stays with the parent: "
                              "call lode_open() in the child");
    }
    if (state == LODE_SESSION_CLOSED) {
        return lode_fail_with(LODE_ECLOSED, "the session is closed: open a new one");
    }
    if (atomic_load_explicit(&db->calls.socket.down, memory_order_relaxed) ||
        !lode_row_is_of(db->row, db->number)) {
        return lode_store_down();
    }
    return LODE_OK;
}

uint64_t
lode_session_number(const lode *db)
{
    return db->number;
}

uint32_t
lode_session_open_flags(const lode *db)
{
    return db->open_flags;
}

const struct lode_paths *
lode_session_paths(const lode *db)
{
    return &db->paths;
}

lode_id
lode_session_draw(lode *db, enum lode_id_kind kind, uint64_t count)
{
    LODE_ASSERT(kind <= LODE_ID_RESULT);
    /* From 1; 2^64 ids of one session do not run out. */
    uint64_t first = atomic_fetch_add_explicit(&db->drawn[kind], count, memory_order_relaxed) + 1;
    return lode_id_make(kind, db->number, first);
}

void
lode_session_draw_back(lode *db, enum lode_id_kind kind, uint64_t count)
{
    atomic_fetch_sub_explicit(&db->drawn[kind], count, memory_order_relaxed);
}

const struct lode_session_hooks *
lode_session_hook(lode *db, enum lode_hook_slot slot, const struct lode_session_hooks *hooks)
{
    return lode_hooks_install(&db->hooks, slot, hooks);
}

const struct lode_session_hooks *
lode_session_hooks(const lode *db, enum lode_hook_slot slot)
{
    return lode_hooks_in(&db->hooks, slot);
}

const struct lode_hooks *
lode_session_all_hooks(const lode *db)
{
    return &db->hooks;
}

void
lode_ring_doorbell(lode *db)
{
    lode_ring_bell(&db->ring);
}

lode_err
lode_fail_zero_id(const char *call)
{
    return lode_fail_with(LODE_EINVAL, "%s: the id is zero, it names no object", call);
}

const char *
lode_cluster_dir(const lode *db)
{
    return db == NULL ? "" : db->paths.dir;
}

/* ---- closing ------------------------------------------------------------------------------ */

void
lode_session_leave(lode *db, struct lode_thread *self)
{
    uint64_t serial = db->serial;
    bool mine = atomic_load(&db->state) == LODE_SESSION_CLOSED &&
                lode_pins_all_clear(&db->pin_slots, db->pins) && lode_process_remove(db, serial);
    if (self != NULL) {
        atomic_store_explicit(&self->busy, NULL, memory_order_release);
    }
    if (mine) {
        lode_threads_leave(db);
        destroy(db);
    }
}

/*
 * Aborts all drafts, and tells the store so: it would believe that this process still writes them.
 */
static void
abort_drafts(lode *db)
{
    struct lode_open_draft draft;
    int64_t until = lode_answer_by();
    while (lode_drafts_take_any(&db->drafts, &draft)) {
        (void)!lode_segments_close(&db->segments, draft.extent, draft.stored);
        lode_store_tell_abort(&db->calls.socket, draft.entry, draft.generation, until);
    }
}

/* Tells the store to end what the session refers to, although its pins go on. */
static void
tell_leave(lode *db)
{
    struct lode_msg_head leave = {.type = LODE_MSG_LEAVE};
    (void)!lode_store_ask_exactly(&db->calls, &leave, sizeof leave, LODE_MSG_OK, NULL, 0,
                                  lode_answer_by());
}

bool
lode_session_close(lode *db)
{
    if (atomic_load(&db->state) == LODE_SESSION_FORKED) {
        return false; /* handle.h: nothing of it is ever freed */
    }
    lode_hooks_close(&db->hooks);
    lode_hooks_destroy(&db->hooks);
    lode_dependents_end(db);
    abort_drafts(db);
    struct lode_thread *self = lode_thread_get();
    if (self != NULL) {
        atomic_store(&self->busy, db);
    }
    atomic_store(&db->state, LODE_SESSION_CLOSED);
    if (db->plain_release) {
        /*
         * A release clears its pin and then reads the state, without a fence. Each thread that does
         * so has now an instant at which it was fenced. If it cleared the pin before that, it is
         * seen here; if after that, it sees that the session is closed, and leaves it as this does.
         */
        (void)lode_membarrier_surely();
    }
    if (!lode_pins_all_clear(&db->pin_slots, db->pins)) {
        tell_leave(db);
    }
    lode_session_leave(db, self);
    return true;
}
