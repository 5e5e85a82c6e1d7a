/*
 * A wait set: what is added is handed out once, when it is there, was given up or will never come;
 * in threads that sleep, and in an event loop. It ends with its session, and in a child.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <lode/waitset.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HANG_MS = 20000 };

static void
put_under(lode *db, lode_id id)
{
    lode_create_options options = {.struct_size = sizeof options, .id = id};
    must(lode_put_with(db, "x", 1, &options, LODE_FOREVER, NULL));
}

static lode_id
chosen(void)
{
    lode_id id;
    must(lode_id_random(&id));
    return id;
}

static lode_id
take_one(lode_waitset *set)
{
    lode_id id;
    size_t count = 0;
    must(lode_waitset_take(set, HANG_MS, &id, 1, &count));
    expect_eq(count, 1);
    return id;
}

static void
nothing_is_ready(lode_waitset *set, lode_err err)
{
    lode_id id;
    size_t count = 99;
    fails(lode_waitset_take(set, 0, &id, 1, &count), err);
    fails(lode_waitset_take(set, 1, &id, 1, &count), err);
    expect_eq(count, 99);
}

static void
each_is_handed_out_once(lode *db, lode *other)
{
    lode_waitset *set;
    lode_id there, ids[4];
    must(lode_put(db, "abc", 3, 0, &there));
    must(lode_reserve(other, 2, ids));
    ids[2] = chosen();
    ids[3] = ids[0];
    must(lode_waitset_open(db, &set));
    nothing_is_ready(set, LODE_ENOTFOUND);
    must(lode_waitset_add(set, ids, 4));
    must(lode_waitset_add(set, ids, 3)); /* duplicates count once */
    nothing_is_ready(set, LODE_ETIMEDOUT);
    must(lode_waitset_add(set, &there, 1));
    expect(lode_id_equal(take_one(set), there));
    put_under(other, ids[0]);
    expect(lode_id_equal(take_one(set), ids[0]));
    put_under(other, ids[2]);
    expect(lode_id_equal(take_one(set), ids[2]));
    nothing_is_ready(set, LODE_ETIMEDOUT);
    must(lode_waitset_add(set, &ids[0], 1)); /* again */
    expect(lode_id_equal(take_one(set), ids[0]));
    must(lode_waitset_remove(set, &ids[1], 1));
    must(lode_waitset_remove(set, &ids[1], 1));
    nothing_is_ready(set, LODE_ENOTFOUND);
    must(lode_waitset_add(set, NULL, 0));
    lode_waitset_close(set);
    lode_waitset_close(NULL);
    lode_drop(db, there);
    lode_drop(other, ids[0]);
    lode_drop(other, ids[1]);
    lode_drop(other, ids[2]);
}

static void
what_is_given_up_and_what_never_comes_is_ready(lode *db)
{
    lode *other = store_open();
    lode_waitset *set;
    lode_id ids[2] = {chosen()};
    lode_draft draft;
    lode_create_options options = {.struct_size = sizeof options, .id = ids[0]};
    must(lode_reserve(other, 1, &ids[1]));
    must(lode_create(other, 10, &options, HANG_MS, &draft));
    must(lode_waitset_open(db, &set));
    must(lode_waitset_add(set, ids, 2));
    lode_abort(&draft);
    expect(lode_id_equal(take_one(set), ids[0]));
    lode_close(other);
    expect(lode_id_equal(take_one(set), ids[1]));
    lode_waitset_close(set);
}

/* An event loop: the descriptor stays readable until all is taken. */
static void
the_descriptor_is_level_triggered(lode *db, lode *other)
{
    lode_waitset *set;
    lode_id ids[2] = {chosen(), chosen()}, id;
    size_t count;
    int fd = -1, again = -1;
    must(lode_waitset_open(db, &set));
    must(lode_waitset_fd(set, &fd));
    must(lode_waitset_fd(set, &again));
    expect_eq(fd, again);
    struct pollfd at = {.fd = fd, .events = POLLIN};
    must(lode_waitset_add(set, ids, 2));
    expect_eq(poll(&at, 1, 0), 0);
    put_under(other, ids[0]);
    put_under(other, ids[1]);
    for (int i = 0; i < 2; i++) {
        do { /* it may be readable for nothing */
            expect_eq(poll(&at, 1, HANG_MS), 1);
        } while (lode_waitset_take(set, 0, &id, 1, &count) != LODE_OK);
    }
    expect_eq(poll(&at, 1, 0), 0);
    must(lode_waitset_add(set, ids, 2)); /* there already */
    expect_eq(poll(&at, 1, 0), 1);
    must(lode_waitset_remove(set, ids, 2));
    expect_eq(poll(&at, 1, 0), 0);
    lode_waitset_close(set);
    lode_drop(other, ids[0]);
    lode_drop(other, ids[1]);
}

struct sleeper {
    lode_waitset *set;
    pthread_t thread;
    _Atomic pid_t tid;
    lode_err err;
    lode_id id;
};

static void *
sleep_in_take(void *arg)
{
    struct sleeper *sleeper = arg;
    size_t count;
    atomic_store(&sleeper->tid, gettid());
    sleeper->err = lode_waitset_take(sleeper->set, LODE_FOREVER, &sleeper->id, 1, &count);
    return NULL;
}

/* The last id goes while threads wait: each is told, and none hangs. */
static void
removing_ends_those_that_wait_for_nothing_more(lode *db, lode *other)
{
    enum { SLEEPERS = 4 };
    struct sleeper sleepers[SLEEPERS];
    lode_id ids[2] = {chosen(), chosen()};
    lode_waitset *set;
    int taken = 0;
    must(lode_waitset_open(db, &set));
    must(lode_waitset_add(set, ids, 2));
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i].set = set;
        expect_eq(pthread_create(&sleepers[i].thread, NULL, sleep_in_take, &sleepers[i]), 0);
    }
    put_under(other, ids[0]);
    must(lode_waitset_remove(set, &ids[1], 1));
    for (int i = 0; i < SLEEPERS; i++) {
        pthread_join(sleepers[i].thread, NULL);
        taken += sleepers[i].err == LODE_OK && lode_id_equal(sleepers[i].id, ids[0]);
        expect(sleepers[i].err == LODE_OK || sleepers[i].err == LODE_ENOTFOUND);
    }
    expect_eq(taken, 1);
    lode_waitset_close(set);
    lode_drop(other, ids[0]);
}

/*
 * One that sleeps, and reads the store's socket meanwhile, has nothing to come from there for what
 * is added as it is there already. Without a nudge it would look up after 800 ms.
 */
static void
a_sleeper_is_woken_by_what_is_there_when_it_is_added(lode *db)
{
    enum { ROUNDS = 5, SLOW_MS = 400 };
    int slow = 0;
    lode_id there, pending = chosen();
    must(lode_put(db, "x", 1, 0, &there));
    for (int i = 0; i < ROUNDS; i++) {
        struct sleeper sleeper = {0};
        must(lode_waitset_open(db, &sleeper.set));
        must(lode_waitset_add(sleeper.set, &pending, 1));
        expect_eq(pthread_create(&sleeper.thread, NULL, sleep_in_take, &sleeper), 0);
        while (atomic_load(&sleeper.tid) == 0) {
            sched_yield();
        }
        story_await_asleep(atomic_load(&sleeper.tid));
        int64_t start = now_ms();
        must(lode_waitset_add(sleeper.set, &there, 1));
        pthread_join(sleeper.thread, NULL);
        slow += now_ms() - start > SLOW_MS;
        must(sleeper.err);
        expect(lode_id_equal(sleeper.id, there));
        lode_waitset_close(sleeper.set);
    }
    expect_lt(slow, ROUNDS / 2); /* a busy machine may be the reason once */
    lode_drop(db, there);
}

static void
limits_are_refused(lode *db)
{
    size_t count = LODE_WAITSET_IDS_MAX, taken;
    lode_id *ids = calloc(count + 1, sizeof *ids), zero = {{0}};
    lode_waitset *set;
    must(lode_reserve(db, count + 1, ids));
    must(lode_waitset_open(db, &set));
    fails(lode_waitset_open(db, NULL), LODE_EINVAL);
    fails(lode_waitset_add(NULL, ids, 1), LODE_EINVAL);
    fails(lode_waitset_add(set, NULL, 1), LODE_EINVAL);
    fails(lode_waitset_add(set, &zero, 1), LODE_EINVAL);
    fails(lode_waitset_remove(set, NULL, 1), LODE_EINVAL);
    fails(lode_waitset_take(set, 0, ids, 0, &taken), LODE_EINVAL);
    fails(lode_waitset_take(set, 0, NULL, 1, &taken), LODE_EINVAL);
    fails(lode_waitset_take(set, 0, ids, 1, NULL), LODE_EINVAL);
    fails(lode_waitset_fd(set, NULL), LODE_EINVAL);
    must(lode_waitset_add(set, ids, count));
    must(lode_waitset_add(set, ids, count)); /* they count once */
    fails(lode_waitset_add(set, &ids[count], 1), LODE_ELIMIT);
    expect_text(lode_last_error(), "262144");
    must(lode_waitset_remove(set, ids, count));
    must(lode_waitset_add(set, &ids[count], 1));
    lode_waitset_close(set);
    free(ids);
}

static void
a_set_ends_with_its_session(void)
{
    lode *db = store_open();
    lode_waitset *set;
    lode_id id = chosen();
    size_t count;
    int fd;
    must(lode_waitset_open(db, &set));
    must(lode_waitset_add(set, &id, 1));
    must(lode_waitset_fd(set, &fd));
    lode_close(db);
    fails(lode_waitset_take(set, 0, &id, 1, &count), LODE_ECLOSED);
    fails(lode_waitset_add(set, &id, 1), LODE_ECLOSED);
    lode_waitset_close(set);
}

static void
a_child_has_no_set(lode *db)
{
    lode_waitset *set;
    lode_id id = chosen();
    size_t count;
    int fd;
    must(lode_waitset_open(db, &set));
    must(lode_waitset_add(set, &id, 1));
    must(lode_waitset_fd(set, &fd));
    pid_t child = fork();
    if (child == 0) {
        fails(lode_waitset_take(set, 0, &id, 1, &count), LODE_EFORKED);
        struct pollfd at = {.fd = fd, .events = POLLIN};
        bool is_closed = poll(&at, 1, 0) == 1 && (at.revents & POLLNVAL) != 0;
        lode_waitset_close(set);
        _exit(is_closed ? 0 : 1);
    }
    int status;
    expect_eq(waitpid(child, &status, 0), child);
    expect_eq(status, 0);
    nothing_is_ready(set, LODE_ETIMEDOUT);
    lode_waitset_close(set);
}

static void
the_stores_death_wakes_all(lode *db, pid_t store)
{
    struct sleeper sleeper;
    lode_id id = chosen();
    int fd;
    must(lode_waitset_open(db, &sleeper.set));
    must(lode_waitset_add(sleeper.set, &id, 1));
    must(lode_waitset_fd(sleeper.set, &fd));
    expect_eq(pthread_create(&sleeper.thread, NULL, sleep_in_take, &sleeper), 0);
    daemon_kill(store);
    struct pollfd at = {.fd = fd, .events = POLLIN};
    expect_eq(poll(&at, 1, HANG_MS), 1);
    pthread_join(sleeper.thread, NULL);
    expect_eq(sleeper.err, LODE_EDOWN);
    lode_waitset_close(sleeper.set);
}

/* Nobody else reads the socket here. */
static void
a_loop_that_never_sleeps_in_a_take_hears_of_the_stores_death(lode *db, pid_t store)
{
    lode_waitset *set;
    lode_id id = chosen();
    size_t count;
    int fd;
    must(lode_waitset_open(db, &set));
    must(lode_waitset_add(set, &id, 1));
    must(lode_waitset_fd(set, &fd));
    daemon_kill(store);
    struct pollfd at = {.fd = fd, .events = POLLIN};
    expect_eq(poll(&at, 1, HANG_MS), 1);
    fails(lode_waitset_take(set, 0, &id, 1, &count), LODE_EDOWN);
    lode_waitset_close(set);
}

static void
story(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    pid_t store = store_start(16 << 20);
    lode *db = store_open(), *other = store_open();
    each_is_handed_out_once(db, other);
    the_descriptor_is_level_triggered(db, other);
    removing_ends_those_that_wait_for_nothing_more(db, other);
    a_sleeper_is_woken_by_what_is_there_when_it_is_added(db);
    lode_close(other);
    await_stat(db, sessions, 1);
    what_is_given_up_and_what_never_comes_is_ready(db);
    limits_are_refused(db);
    a_child_has_no_set(db);
    a_set_ends_with_its_session();
    await_stat(db, sessions, 1);
    expect_empty_store(db);
    the_stores_death_wakes_all(db, store);
    lode_close(db);
    store = store_start(16 << 20);
    db = store_open();
    a_loop_that_never_sleeps_in_a_take_hears_of_the_stores_death(db, store);
    lode_close(db);
    daemon_stop(store_start(16 << 20)); /* takes away what the other one has left */
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
