#include "store/state/file.h"

#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/cluster/files.h"
#include "api/cluster/paths.h"
#include "store/table/shared_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- the guard ---- */

/*
 * The mappings that the signal handler looks up. It runs on the loop thread, which alone changes
 * them.
 */
struct guarded {
    uint8_t *base; /* NULL: free */
    uint64_t bytes;
    volatile int *broken, *someone_broke;
};
static struct guarded guarded[LODE_SESSION_ROWS];

static void
on_sigbus(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    const uint8_t *at = info->si_addr;
    (void)context;
    for (size_t i = 0; i < LODE_SESSION_ROWS; i++) {
        struct guarded *g = &guarded[i];
        if (g->base != NULL && at >= g->base && at < g->base + g->bytes &&
            mmap(g->base, g->bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED) {
            *g->broken = *g->someone_broke = 1;
            errno = saved;
            return;
        }
    }
    signal(number, SIG_DFL); /* a bug of ours: the access is repeated, and ends the process */
    errno = saved;
}

lode_err
file_guard_install(void)
{
    struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGBUS, &action, NULL) != 0) {
        return lode_fail_errno("cannot catch SIGBUS");
    }
    return LODE_OK;
}

static void
guard(struct session *session)
{
    struct guarded *g = &guarded[session->row];
    g->bytes = session->file_bytes;
    g->broken = &session->broken;
    g->someone_broke = &session->store->someone_broke;
    atomic_signal_fence(memory_order_seq_cst);
    g->base = session->file;
}

/* ---- the file ---- */

static lode_err
file_path(const struct store *store, const struct session *session, char path_out[LODE_PATH_MAX])
{
    return lode_path_join(path_out, LODE_PATH_MAX, store->dir, LODE_FILE_SESSION,
                          (unsigned long long)session->number);
}

static lode_err
make_file(struct session *session, const char *path)
{
    bool is_lean = session->flags & LODE_HELLO_LEAN;
    uint32_t backed = is_lean ? LODE_RING_BYTES_FIRST : session->ring_bytes;
    session->file_bytes = lode_session_file_bytes(session->ring_bytes);
    session->file_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (session->file_fd < 0) {
        return lode_fail_errno("cannot make '%s'", path);
    }
    if (ftruncate(session->file_fd, (off_t)session->file_bytes) != 0) {
        return lode_fail_errno("cannot size '%s'", path);
    }
    LODE_TRY(shared_file_warm(session->file_fd, 0, LODE_RING_OFFSET + backed, "a session"));
    LODE_TRY(shared_file_warm(session->file_fd, lode_pins_offset(session->ring_bytes),
                              LODE_PIN_FIRST * sizeof(uint32_t), "a session"));
    void *base = mmap(NULL, session->file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                      session->file_fd, 0);
    if (base == MAP_FAILED) {
        return lode_fail_errno("cannot map '%s'", path);
    }
    session->file = base;
    session->ring_backed = backed;
    session->pin_slots = LODE_PIN_FIRST;
    return LODE_OK;
}

static void
write_header(struct session *session)
{
    struct lode_session_header *header = (struct lode_session_header *)session->file;
    header->magic = LODE_SESSION_MAGIC;
    header->major = LODE_LAYOUT_MAJOR;
    header->minor = LODE_LAYOUT_MINOR;
    header->ring_bytes = session->ring_bytes;
    header->session = session->number;
}

lode_err
file_open(struct store *store, struct session *session, int *client_fd_out)
{
    char path[LODE_PATH_MAX];
    LODE_TRY(file_path(store, session, path));
    unlink(path);
    lode_err err = make_file(session, path);
    if (err == LODE_OK) {
        guard(session);
        write_header(session);
        /* An open file of its own: a lock that the client puts on it ends with the client. */
        *client_fd_out = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        err = *client_fd_out < 0 ? lode_fail_errno("cannot open '%s'", path) : LODE_OK;
    }
    if (err != LODE_OK) {
        file_close(store, session);
    }
    return err;
}

void
file_close(struct store *store, struct session *session)
{
    char path[LODE_PATH_MAX];
    guarded[session->row].base = NULL;
    if (session->file != NULL) {
        munmap(session->file, session->file_bytes);
        session->file = NULL;
    }
    if (session->file_fd >= 0) {
        close(session->file_fd);
        session->file_fd = -1;
        if (file_path(store, session, path) == LODE_OK) {
            unlink(path);
        }
    }
}

bool
file_grow_ring(struct store *store, struct session *session)
{
    enum { PAUSE_NS = 10000000 };
    uint32_t backed = session->ring_backed, more = session->ring_bytes - backed;
    int64_t now = more > 0 ? lode_now_ns() : 0;
    if (more == 0 || now < store->ring_again_ns) {
        return false;
    }
    if (shared_file_warm(session->file_fd, LODE_RING_OFFSET + backed, more, "a ring") != LODE_OK) {
        store->ring_again_ns = now + PAUSE_NS;
        return false;
    }
    session->ring_backed = session->ring_bytes;
    session->ring_wants = false;
    atomic_store_explicit(&store->table.rows[session->row].ring_backed, session->ring_bytes,
                          memory_order_release);
    return true;
}

lode_err
file_grow_pins(struct session *session, uint32_t slots)
{
    if (slots > LODE_PIN_MAX) {
        return lode_fail_with(LODE_ELIMIT, "%u pins asked for: one session can have %u", slots,
                              (unsigned)LODE_PIN_MAX);
    }
    if (slots <= session->pin_slots) {
        return LODE_OK;
    }
    uint64_t old_end =
        lode_pins_offset(session->ring_bytes) + session->pin_slots * sizeof(uint32_t);
    uint64_t end = lode_pins_offset(session->ring_bytes) + slots * sizeof(uint32_t);
    LODE_TRY(shared_file_warm(session->file_fd, old_end, end - old_end, "pins"));
    session->pin_slots = slots;
    return LODE_OK;
}

uint32_t
file_pin_high(const struct session *session)
{
    const struct lode_session_header *header = (const struct lode_session_header *)session->file;
    uint32_t high = atomic_load_explicit(&header->pin_high, memory_order_acquire);
    return high < session->pin_slots ? high : session->pin_slots;
}
