/*
 * hostile_store.h: a session of liblode whose store is the input (hostile_answers.h). Nobody is at
 * the other end of the session's socket.
 *
 * Time is made here, too: it passes where liblode sleeps, and where the input says that nothing
 * comes. So nothing really sleeps, and an input always does the same.
 *
 * The index, the session's file and the first segment are as a store makes them. There are some
 * objects in them (enum object). An input may overwrite what the index says of an object.
 *
 * The functions __wrap_… take the place of those that liblode calls: `ld --wrap`, CMakeLists.txt.
 */
#ifndef TESTS_FUZZ_HOSTILE_STORE_H
#define TESTS_FUZZ_HOSTILE_STORE_H

#include "api/base/log.h"
#include "api/client/session/handle.h"
#include "api/client/session/session.h"
#include "api/layout/error_object.h"
#include "api/layout/name_key.h"
#include "tests/fuzz/hostile_answers.h"

#include <dirent.h>
#include <linux/futex.h>
#include <lode/lode.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

FUZZ_QUIET

/* ---- sockets and time ------------------------------------------------------------------------ */

lode_err __wrap_lode_socket_connect(const char *path, int *fd_out);
lode_err __wrap_lode_socket_peer(int fd, pid_t *pid_out, uid_t *uid_out);
int __wrap_clock_gettime(clockid_t which, struct timespec *now_out);
long __wrap_syscall(long number, ...);

/* There is always something to be read in it, so that no poll() sleeps. */
lode_err
__wrap_lode_socket_connect(const char *path, int *fd_out)
{
    int pair[2];
    fuzz_expect(peer_count < PEERS);
    fuzz_expect(path[0] == '/' && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    fuzz_expect(send(pair[1], "x", 1, 0) == 1);
    peer_fds[peer_count++] = pair[1];
    *fd_out = pair[0];
    return LODE_OK;
}

lode_err
__wrap_lode_socket_peer(int fd, pid_t *pid_out, uid_t *uid_out)
{
    (void)fd;
    *pid_out = getpid();
    *uid_out = geteuid();
    return LODE_OK;
}

int
__wrap_clock_gettime(clockid_t which, struct timespec *now_out)
{
    (void)which;
    clock_ns += 100;
    *now_out = (struct timespec){clock_ns / 1000000000, clock_ns % 1000000000};
    return 0;
}

/* ---- the ring -------------------------------------------------------------------------------- */

/*
 * What the row says of how much of the ring has memory: the input chooses it, and by how much it
 * moves on with each step of the client and while that sleeps. 0: it stays.
 */
static uint32_t backing, backing_step;

static void
back_ring(void)
{
    static const uint32_t backed[] = {
        LODE_RING_BYTES_FIRST,   0,          LODE_RING_BYTES_FIRST - 1, LODE_RING_BYTES_FIRST + 3,
        LODE_RING_BYTES_MIN - 1, UINT32_MAX, LODE_RING_BYTES_MIN,       LODE_RING_BYTES_MIN + 1,
    };
    struct lode_session_row *row = (struct lode_session_row *)(index_map + LODE_ROWS_OFFSET) + ROW;
    atomic_store(&row->ring_backed, backed[backing % (sizeof backed / sizeof backed[0])]);
    backing += backing_step;
}

static void
choose_backing(uint8_t how)
{
    backing = how & 7;
    backing_step = how >> 3 & 7;
    back_ring();
}

/*
 * Nothing was written behind the ring, where the pins are: nobody pins any more. If it never had
 * more than its beginning, nothing was written behind that.
 */
static void
check_ring(bool is_own_row)
{
    const uint8_t *ring = (const uint8_t *)file_map + LODE_RING_OFFSET;
    bool is_lean = is_own_row && backing == 0 && backing_step == 0;
    uint32_t from = is_lean ? LODE_RING_BYTES_FIRST : LODE_RING_BYTES_MIN;
    for (uint32_t i = from; i < LODE_RING_BYTES_MIN + LODE_PAGE; i++) {
        fuzz_expect(ring[i] == 0);
    }
}

/* The store applies the ring while liblode sleeps on a futex. Nobody need be fenced. */
long
__wrap_syscall(long number, ...)
{
    va_list args;
    va_start(args, number);
    if (number == SYS_membarrier) {
        va_end(args);
        return 0;
    }
    (void)va_arg(args, void *);
    int operation = va_arg(args, int);
    (void)va_arg(args, uint32_t);
    const struct timespec *limit = va_arg(args, const struct timespec *);
    va_end(args);
    fuzz_expect(number == SYS_futex && operation == FUTEX_WAIT && limit != NULL);
    clock_ns += limit->tv_sec * INT64_C(1000000000) + limit->tv_nsec;
    struct lode_session_row *row = (void *)(index_map + LODE_ROWS_OFFSET);
    atomic_store(&row[ROW].ring_head, atomic_load(&file_map->ring_tail));
    back_ring();
    return 0;
}

/* ---- the objects ----------------------------------------------------------------------------- */

static int
make_file(const char *name, uint64_t bytes, uint8_t **map_out)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    fuzz_expect(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
    *map_out = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    fuzz_expect(*map_out != MAP_FAILED);
    return fd;
}

static lode_id
object_id(enum object object)
{
    struct lode_index_header *header = (void *)index_map;
    char key[LODE_NAME_TEXT_MAX];
    size_t size = lode_name_text("", 0, "n", 1, key);
    return object == NAME ? lode_name_id(key, size, header->hash_key)
                          : lode_id_make(LODE_ID_RESULT, SESSION, 1000 + object);
}

static void
make_object(enum object object)
{
    struct lode_index_header *header = (void *)index_map;
    struct lode_entry *entry = &pristine[object];
    lode_id id = object_id(object);
    uint64_t table = header->table, hash = lode_id_hash(id, header->hash_key);
    uint32_t *slots = (void *)(index_map + lode_table_offset(table));
    uint64_t at = 0;
    while (slots[lode_table_probe(table, hash, at)] != 0) {
        at++;
    }
    slots[lode_table_probe(table, hash, at)] = lode_slot_make(hash, object);
    *entry = (struct lode_entry){.word = lode_word_make(1, LODE_ENTRY_SEALED),
                                 .id = id,
                                 .extent = lode_extent_make(0, object * UINT64_C(8192)),
                                 .size = 300,
                                 .kind = LODE_KIND_BLOB,
                                 .dtype = LODE_U8};
}

static void
make_objects(void)
{
    char key[LODE_NAME_TEXT_MAX];
    struct lode_error_parts parts = {
        .head.code = LODE_ETASK, .function = "a.b", .message = "it fell"};
    for (enum object object = 0; object < OBJECTS; object++) {
        make_object(object);
    }
    pristine[INLINE].extent = pristine[FAILED].extent = pristine[NAME].extent = LODE_EXTENT_INLINE;
    pristine[INLINE].size = 40;
    pristine[MATRIX].kind = pristine[STRIDED].kind = LODE_KIND_ARRAY;
    pristine[MATRIX].dtype = pristine[STRIDED].dtype = LODE_F64;
    pristine[MATRIX].ndim = pristine[STRIDED].ndim = 2;
    pristine[MATRIX].size = pristine[STRIDED].size = 48;
    pristine[STRIDED].flags = LODE_ENTRY_STRIDED;
    pristine[MATRIX].u.shape[0] = pristine[STRIDED].u.shape[0] = 2;
    pristine[MATRIX].u.shape[1] = pristine[STRIDED].u.shape[1] = 3;
    ((int64_t *)(void *)(segment_map + STRIDED * 8192))[0] = 1;
    ((int64_t *)(void *)(segment_map + STRIDED * 8192))[1] = 2;
    pristine[FAILED].kind = pristine[FAILED_LARGE].kind = LODE_KIND_ERROR;
    pristine[FAILED_LARGE].size =
        lode_error_object_write(&parts, segment_map + FAILED_LARGE * 8192, LODE_ERROR_BYTES_MIN);
    pristine[FAILED].size = LODE_ERROR_SHORT_BYTES;
    fuzz_expect(lode_error_object_shorten(segment_map + FAILED_LARGE * 8192,
                                          pristine[FAILED_LARGE].size,
                                          pristine[FAILED].u.bytes) == LODE_OK);
    pristine[NAME].size = lode_name_text("", 0, "n", 1, key);
    memcpy(pristine[NAME].u.bytes, key, pristine[NAME].size);
    pristine[NAME].binding = lode_binding_make(1, MATRIX);
}

static void
make_store(void)
{
    uint8_t *file;
    index_fd = make_file("index", LODE_INDEX_BYTES, &index_map);
    file_fd = make_file("session", lode_session_file_bytes(LODE_RING_BYTES_MIN), &file);
    segment_fd = make_file("segment", SEGMENT_BYTES, &segment_map);
    bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    file_map = (void *)file;
    struct lode_index_header *header = (void *)index_map;
    *header = (struct lode_index_header){.magic = LODE_INDEX_MAGIC,
                                         .major = LODE_LAYOUT_MAJOR,
                                         .page_size = LODE_PAGE,
                                         .generation = GENERATION,
                                         .hash_key = {5, 7},
                                         .entry_count = OBJECTS + ENTRIES,
                                         .table = lode_table_make(1, LODE_TABLE_LOG2_MIN, 0),
                                         .segment_count = 1};
    make_objects();
}

/* ---- an input -------------------------------------------------------------------------------- */

static int
count_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    fuzz_expect(dir != NULL);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

static int descriptors;
static bool is_own_row; /* what the welcome said */

/* A store as at the beginning, and nobody attached. */
static void
store_begin(struct fuzz_input *input)
{
    static bool is_made;
    if (!is_made) {
        make_store();
        is_made = true;
    }
    struct lode_session_row *row = (struct lode_session_row *)(index_map + LODE_ROWS_OFFSET) + ROW;
    *file_map = (struct lode_session_header){.magic = LODE_SESSION_MAGIC,
                                             .major = LODE_LAYOUT_MAJOR,
                                             .ring_bytes = LODE_RING_BYTES_MIN,
                                             .session = SESSION};
    *row = (struct lode_session_row){.session = SESSION, .credit_pages = 3, .credit_entries = 3};
    choose_backing(0);
    memcpy(index_map + LODE_ENTRIES_OFFSET, pristine, sizeof pristine);
    ((struct lode_index_header *)(void *)index_map)->scarce = 0;
    memset(&asked, 0, sizeof asked);
    memset((uint8_t *)file_map + LODE_RING_OFFSET, 0, LODE_RING_BYTES_MIN + LODE_PAGE);
    clock_ns = INT64_C(1000000000000);
    next_entry = 0;
    script = input;
    descriptors = count_descriptors();
}

/* NULL: the store's welcome was none. */
static lode *
store_attach(uint32_t flags)
{
    const struct lode_paths paths = {.dir = "/d"};
    lode *db = NULL;
    if (lode_session_attach(&paths, flags, 0, &db) != LODE_OK) {
        fuzz_expect(db == NULL);
        return NULL;
    }
    is_own_row = (const uint8_t *)db->row ==
                 db->index.base + LODE_ROWS_OFFSET + ROW * sizeof(struct lode_session_row);
    db->pin_slots.limit = LIMIT; /* so that the third pin asks for more */
    return db;
}

/* Nobody is attached any more, and every descriptor that the store has sent is closed. */
static void
store_end(void)
{
    while (peer_count > 0) {
        close(peer_fds[--peer_count]);
    }
    fuzz_expect(count_descriptors() == descriptors);
    check_ring(is_own_row);
}

/* ---- objects in the hand of a client --------------------------------------------------------- */

static bool
lies_in(const void *data, size_t size, const void *from, uint64_t bytes)
{
    const uint8_t *at = data, *first = from;
    return first != NULL && at >= first && size <= bytes && (size_t)(at - first) <= bytes - size;
}

/* Its bytes are those of an entry, or lie in a segment, and each can be read. */
static void
check_view(const lode *db, const lode_view *view)
{
    uint8_t sum = 0;
    bool is_inside = lies_in(view->data, view->size, db->index.base, LODE_INDEX_BYTES);
    for (int i = 0; i < LODE_SEGMENT_MAX && !is_inside; i++) {
        const struct lode_segment_map *map = &db->segments.map[i];
        is_inside = lies_in(view->data, view->size, map->read, map->bytes);
    }
    fuzz_expect(is_inside && view->array.ndim >= 0 && view->array.ndim <= LODE_MAX_NDIM);
    for (size_t i = 0; i < view->size; i++) {
        sum ^= ((const uint8_t *)view->data)[i];
    }
    fuzz_expect(sum == sum + 0);
}

#endif
