#include "api/wire/start.h"

#include "api/base/clock.h"
#include "api/system/descriptor.h"
#include "api/base/fail.h"
#include "api/system/futex.h"
#include "api/system/limit.h"
#include "api/base/lock.h"
#include "api/wire/reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <nng/nng.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

static struct {
    pthread_once_t once;
    struct lode_mutex mu;
    bool started; /* mu */
} wire = {.once = PTHREAD_ONCE_INIT};

static void
init_once(void)
{
    lode_mutex_init(&wire.mu, LODE_LOCK_WIRE_START);
}

/* ---- one process after the other ---- */

enum { TURN_MS = 2000, LOOK_AGAIN_US = 1000 };

/*
 * The limits count the threads of all processes of the user, or of the container. Processes that
 * probe at the same time would each see room that none of them has. So they take turns: by flock on
 * a directory that each of them sees, which leaves no file and ends with the process that holds it.
 *
 * Whoever holds the lock for long (a stopped process, a stranger) delays a start by TURN_MS, and no
 * more. Returns the descriptor of the lock; -1: none could be had, and the start goes on without.
 */
static int
take_turn(void)
{
    int fd = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int64_t deadline = lode_deadline(TURN_MS);
    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || lode_remaining_ms(deadline) == 0) {
            close(fd);
            return -1;
        }
        usleep(LOOK_AGAIN_US);
    }
    return fd;
}

/*
 * A child that was forked meanwhile has a copy of the descriptor: closing ours would not end the
 * lock.
 */
static void
end_turn(int fd)
{
    if (fd >= 0) {
        flock(fd, LOCK_UN);
        close(fd);
    }
}

/* ---- the probe ---- */

struct probe {
    pthread_t thread;
    _Atomic uint32_t *gate; /* 0: closed */
    _Atomic pid_t tid;
};

static void *
wait_at_gate(void *arg)
{
    struct probe *probe = arg;
    atomic_store(&probe->tid, (pid_t)syscall(SYS_gettid));
    while (atomic_load(probe->gate) == 0) {
        lode_futex_wait(probe->gate, 0, -1);
    }
    return NULL;
}

/*
 * Counted in nng 1.5.2, with 1 to 64 CPUs: two threads a CPU for callbacks, 16 at most; one a CPU
 * for timeouts; 7 others.
 */
static int
threads_of_nng(void)
{
    enum { CALLBACKS_MAX = 16, OTHERS = 7 };
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int count = cpus > 0 ? (int)cpus : 1;
    return (count * 2 < CALLBACKS_MAX ? count * 2 : CALLBACKS_MAX) + count + OTHERS;
}

/* A thread that was joined still counts against the limits until the kernel has let go of it. */
static void
await_end(pid_t tid)
{
    enum { LOOKS_MAX = 100000 };
    for (int i = 0; i < LOOKS_MAX && syscall(SYS_tgkill, getpid(), tid, 0) == 0; i++) {
        sched_yield();
    }
}

/*
 * Starts up to `count` threads that all exist at once, and ends them. Returns how many there were.
 */
static int
start_and_end(struct probe *probes, int count, int *code_out)
{
    _Atomic uint32_t gate = 0;
    int started = 0;
    *code_out = 0;
    while (started < count && *code_out == 0) {
        probes[started].gate = &gate;
        *code_out = pthread_create(&probes[started].thread, NULL, wait_at_gate, &probes[started]);
        started += *code_out == 0;
    }
    atomic_store(&gate, 1);
    lode_futex_wake_all(&gate);
    for (int i = 0; i < started; i++) {
        pthread_join(probes[i].thread, NULL);
    }
    for (int i = 0; i < started; i++) {
        await_end(atomic_load(&probes[i].tid));
    }
    return started;
}

static lode_err
probe_threads(void)
{
    /* A session has a thread that watches the scheduler. */
    enum { OF_A_SESSION = 1, SPARE = 8 };
    int count = threads_of_nng() + OF_A_SESSION + SPARE, code;
    struct probe *probes = calloc((size_t)count, sizeof *probes);
    if (probes == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the threads of a link");
    }
    int started = start_and_end(probes, count, &code);
    free(probes);
    if (started == count) {
        return LODE_OK;
    }
    return lode_fail_with(LODE_ELIMIT,
                          "what runs or calls tasks needs %d threads in its process, some of them "
                          "to spare, and only %d can be started (%s): %s",
                          count, started, strerror(code), LODE_LIMITS_OF_THREADS);
}

/* ---- starting ---- */

/* The first object of nng's starts its threads, which take no signals. */
static lode_err
start_nng(void)
{
    nng_aio *first;
    int code = nng_aio_alloc(&first, NULL, NULL);
    if (code != 0) {
        return lode_wire_fail(code, "nng cannot start");
    }
    nng_aio_free(first);
    return LODE_OK;
}

static lode_err
start_locked(void)
{
    sigset_t all, old;
    lode_mutex_assert_held(&wire.mu);
    lode_stdio_guard_begin(); /* nng keeps two of what it opens */
    int turn = take_turn();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    lode_err err = lode_reaper_start();
    if (err == LODE_OK) {
        err = probe_threads();
    }
    if (err == LODE_OK) {
        err = start_nng();
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    end_turn(turn);
    lode_stdio_guard_end();
    return err;
}

lode_err
lode_wire_start(void)
{
    pthread_once(&wire.once, init_once);
    lode_mutex_lock(&wire.mu);
    lode_err err = wire.started ? LODE_OK : start_locked();
    wire.started = err == LODE_OK;
    lode_mutex_unlock(&wire.mu);
    return err;
}

/* ---- errors of nng's ---- */

bool
lode_wire_lacks(int nng_code)
{
    return nng_code == NNG_ENOMEM || nng_code == NNG_ENOFILES;
}

lode_err
lode_wire_fail(int nng_code, const char *what)
{
    if (nng_code == NNG_ENOFILES) {
        return lode_fail_no_descriptor(what);
    }
    lode_err err = nng_code == NNG_ENOMEM    ? LODE_ENOMEM
                   : nng_code == NNG_ECLOSED ? LODE_ECLOSED
                                             : LODE_ESYS;
    return lode_fail_with(err, "%s: %s", what, nng_strerror(nng_code));
}
