/*
 * What was pinned at a fork stays as it is for the child, whatever its parent does, until the child
 * ends or calls exec. Where the store cannot see to that, the child faults: it never reads the
 * bytes of another object.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CAPACITY = 8 << 20, LARGE = 1 << 20, SMALL = 16, DESCRIPTORS = 1024, PATIENCE_MS = 10000 };

/* A view into a segment and one into the index. */
struct heirlooms {
    lode *db;
    lode_id ids[2];
    lode_view views[2];
};

static lode_id
put_filled(lode *db, size_t size, int byte)
{
    static char bytes[LARGE];
    lode_id id;
    memset(bytes, byte, size);
    /* What an ended child had pinned is freed a little later. */
    must(lode_put(db, bytes, size, PATIENCE_MS, &id));
    return id;
}

static void
take(lode *db, struct heirlooms *h)
{
    h->db = db;
    h->ids[0] = put_filled(db, LARGE, 7);
    h->ids[1] = put_filled(db, SMALL, 7);
    must(lode_get_many(db, h->ids, 2, 0, h->views));
}

static bool
are_unharmed(const struct heirlooms *h)
{
    for (int i = 0; i < 2; i++) {
        const unsigned char *bytes = h->views[i].data;
        for (size_t k = 0; k < h->views[i].size; k++) {
            if (bytes[k] != 7) {
                return false;
            }
        }
    }
    return true;
}

/* Every byte that the store can give, and every entry that it gave before, has other bytes now. */
static void
overwrite_all(lode *db)
{
    lode_id ids[CAPACITY / LARGE + 64];
    size_t count = 0;
    static char bytes[LARGE];
    memset(bytes, 100, sizeof bytes);
    while (lode_put(db, bytes, LARGE, 0, &ids[count]) == LODE_OK) {
        count++;
    }
    expect_lt(0, count);
    for (int i = 0; i < 32; i++) {
        ids[count++] = put_filled(db, SMALL, 100);
    }
    while (count > 0) {
        lode_drop(db, ids[--count]);
    }
}

static void
let_go(struct heirlooms *h)
{
    lode_release(&h->views[0]);
    lode_release(&h->views[1]);
    lode_drop(h->db, h->ids[0]);
    lode_drop(h->db, h->ids[1]);
}

/* ---- heirs -------------------------------------------------------------------------------- */

static void
reads_when_told(struct child *parent, void *arg)
{
    child_await(parent);
    expect(are_unharmed(arg));
    child_signal(parent);
    child_await(parent);
}

static void
closes_everything_and_reads(struct child *parent, void *arg)
{
    for (int fd = 3; fd < DESCRIPTORS; fd++) {
        if (fd != parent->to && fd != parent->from) {
            close(fd);
        }
    }
    reads_when_told(parent, arg);
}

static void
closes_the_session_and_reads(struct child *parent, void *arg)
{
    struct heirlooms *h = arg;
    const struct heirlooms copy = *h;
    lode_release(&h->views[0]);
    lode_close(h->db);
    child_await(parent);
    expect(are_unharmed(&copy));
    child_signal(parent);
    child_await(parent);
}

/* The child of the child reads after its parent has ended. */
static void
leaves_it_to_a_child_of_its_own(struct child *parent, void *arg)
{
    int gone[2];
    char byte;
    expect(pipe2(gone, O_CLOEXEC) == 0);
    pid_t pid = fork();
    expect(pid >= 0);
    if (pid == 0) {
        close(gone[1]);
        expect(read(gone[0], &byte, 1) == 0); /* the middle one has ended */
        reads_when_told(parent, arg);
        _exit(0);
    }
    _exit(0);
}

/* A program of its own, which is killed after it has forked. */
static void
takes_forks_and_is_killed(struct child *parent, void *arg)
{
    struct heirlooms h;
    (void)arg;
    take(store_open(), &h);
    leaves_it_to_a_child_of_its_own(parent, &h);
}

/* ---- what the parent does ------------------------------------------------------------------ */

/* The heir reads the right bytes when everything else has been overwritten; then they are free. */
static void
heir_reads(struct heirlooms *h, lode *db, child_fn heir)
{
    struct child child;
    child_start(&child, heir, h);
    let_go(h);
    overwrite_all(db);
    child_signal(&child);
    child_await(&child);
    overwrite_all(db);
    child_signal(&child);
    child_must_end(&child);
    expect_empty_store(db);
}

/* An heir whose parent is killed: its process is not ours to reap. */
static void
heir_of_the_dead_reads(lode *other)
{
    struct child child;
    child_start(&child, takes_forks_and_is_killed, NULL);
    await_stat(other, sessions, 1);
    overwrite_all(other);
    child_signal(&child);
    child_await(&child);
    child_signal(&child);
    child_must_end(&child);
    expect_empty_store(other);
}

static void
heir_execs(struct child *parent, void *arg)
{
    (void)arg;
    dup2(parent->from, STDIN_FILENO);
    execlp("cat", "cat", (char *)NULL);
    _exit(127);
}

/* exec ends what the child inherited: its program still runs when the bytes are free. */
static void
exec_lets_go(lode *db)
{
    struct heirlooms h;
    struct child child;
    take(db, &h);
    child_start(&child, heir_execs, NULL);
    let_go(&h);
    expect_empty_store(db);
    int status = child_join(&child, true);
    expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
views_of_a_closed_session_are_kept(lode *other)
{
    struct heirlooms h;
    struct child child;
    take(store_open(), &h);
    lode_close(h.db);
    child_start(&child, reads_when_told, &h);
    lode_release(&h.views[0]);
    lode_release(&h.views[1]);
    overwrite_all(other);
    child_signal(&child);
    child_await(&child);
    child_signal(&child);
    child_must_end(&child);
    expect_empty_store(other);
}

/* This process cannot take the descriptors that would tell the store of its child. */
static void
forks_without_descriptors(struct child *parent, void *arg)
{
    struct heirlooms h;
    struct rlimit none = {0, 0}, few;
    (void)parent, (void)arg;
    take(store_open(), &h);
    expect(getrlimit(RLIMIT_NOFILE, &few) == 0);
    few.rlim_cur = 3;
    expect(setrlimit(RLIMIT_NOFILE, &few) == 0);
    setrlimit(RLIMIT_CORE, &none);
    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();
        int status;
        expect(pid >= 0);
        if (pid == 0) {
            signal(SIGSEGV, SIG_DFL); /* not a sanitizer's */
            (void)*(const volatile char *)h.views[i].data;
            _exit(0);
        }
        expect(waitpid(pid, &status, 0) == pid);
        expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    }
    expect(are_unharmed(&h));
    _exit(0); /* what runs at exit may want descriptors */
}

static void
a_fork_that_the_store_cannot_keep_faults(lode *db)
{
    struct child child;
    child_start(&child, forks_without_descriptors, NULL);
    child_must_end(&child);
    expect_empty_store(db);
}

/* ---- forks beside gets --------------------------------------------------------------------- */

enum { OBJECTS = 40, FORKS = 100, SHOWN = 4, EACH = 4096 };

struct rush {
    lode *db;
    lode_view views[SHOWN];
    atomic_uint shown; /* views[shown % SHOWN] is held, from before it is shown until after */
    atomic_bool stop;
};

/* Shows a view of one object after another: a fork comes at any moment of it. */
static void *
show(void *arg)
{
    struct rush *rush = arg;
    for (unsigned n = 1; !atomic_load(&rush->stop); n++) {
        lode_id id = put_filled(rush->db, EACH, (int)(n % 100));
        must(lode_get(rush->db, id, 0, &rush->views[n % SHOWN]));
        lode_drop(rush->db, id);
        atomic_store(&rush->shown, n);
        lode_release(&rush->views[(n - 1) % SHOWN]);
    }
    return NULL;
}

static void
what_is_shown_stays(struct child *parent, void *arg)
{
    struct rush *rush = arg;
    unsigned n = atomic_load(&rush->shown);
    const unsigned char *bytes = rush->views[n % SHOWN].data;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < EACH; i++) {
            expect_eq(bytes[i], n % 100);
        }
        child_await(parent); /* the parent has put many others since */
    }
}

static void
forks_beside_gets(lode *db)
{
    static struct rush rush;
    pthread_t thread;
    rush.db = db;
    lode_id first = put_filled(db, EACH, 0);
    must(lode_get(db, first, 0, &rush.views[0]));
    lode_drop(db, first);
    expect(pthread_create(&thread, NULL, show, &rush) == 0);
    for (int i = 0; i < FORKS; i++) {
        struct child child;
        lode_store_stats before, now;
        child_start(&child, what_is_shown_stays, &rush);
        must(lode_get_store_stats(db, &before));
        do {
            must(lode_get_store_stats(db, &now));
        } while (now.freed < before.freed + OBJECTS);
        child_say(&child, "...", 3);
        child_must_end(&child);
    }
    atomic_store(&rush.stop, true);
    pthread_join(thread, NULL);
    lode_release(&rush.views[atomic_load(&rush.shown) % SHOWN]);
    expect_empty_store(db);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct heirlooms h;
    pid_t store = store_start(CAPACITY);
    lode *db = store_open();
    const child_fn heirs[] = {reads_when_told, closes_everything_and_reads,
                              closes_the_session_and_reads, leaves_it_to_a_child_of_its_own};
    for (size_t i = 0; i < sizeof heirs / sizeof heirs[0]; i++) {
        take(db, &h);
        heir_reads(&h, db, heirs[i]);
    }
    exec_lets_go(db);
    views_of_a_closed_session_are_kept(db);
    heir_of_the_dead_reads(db);
    a_fork_that_the_store_cannot_keep_faults(db);
    forks_beside_gets(db);
    lode_close(db);
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
