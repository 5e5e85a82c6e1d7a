/*
 * The scheduler has no file descriptor left: sessions that are open go on, others are turned away
 * or wait, and are served when descriptors are there again.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>

enum { VISITORS = 8, LEFT = 6, CALLS = 200 };

static lode_err
call_once(lode *db)
{
    lode_id id;
    int64_t value;
    LODE_TRY(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, &id));
    must(lode_get_i64(db, id, LODE_FOREVER, &value));
    expect_eq(value, 2);
    lode_drop(db, id);
    return LODE_OK;
}

/* Comes until it is served, and stays. */
static void
visitor(struct child *parent, void *arg)
{
    lode_open_options options = {.struct_size = sizeof options, .flags = LODE_OPEN_ATTACH};
    lode *db = NULL;
    lode_err err;
    (void)arg;
    child_await(parent);
    do {
        err = lode_open(NULL, &options, &db);
        if (err == LODE_OK && (err = call_once(db)) != LODE_OK) {
            lode_close(db);
        }
        expect(err == LODE_OK || err == LODE_EDOWN || err == LODE_ETIMEDOUT || err == LODE_ESYS ||
               err == LODE_ELIMIT);
    } while (err != LODE_OK);
    child_signal(parent);
    child_await(parent);
    lode_close(db);
}

static int
count_descriptors(pid_t pid)
{
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    expect(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(dir);
    return count;
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct child visitors[VISITORS];
    struct rlimit usual, small;
    pid_t supervisor = cluster_start(1, 32 << 20);
    pid_t scheduler = story_process("lode-scheduler");
    for (int i = 0; i < VISITORS; i++) {
        child_start(&visitors[i], visitor, NULL);
    }
    lode *db = cluster_open_with("play");
    must(call_once(db));
    int open_before = count_descriptors(scheduler);
    expect_eq(prlimit(scheduler, RLIMIT_NOFILE, NULL, &usual), 0);
    small = (struct rlimit){(rlim_t)open_before + LEFT, usual.rlim_max};
    expect_eq(prlimit(scheduler, RLIMIT_NOFILE, &small, NULL), 0);
    for (int i = 0; i < VISITORS; i++) {
        child_signal(&visitors[i]);
    }
    /* Each session takes three. Until none is left, and a while longer: */
    int64_t end = now_ms() + bound_ms(5000);
    int most = 0;
    while (most < open_before + LEFT) {
        int now = count_descriptors(scheduler);
        most = now > most ? now : most;
        must(call_once(db));
        expect_lt(now_ms(), end);
    }
    for (int i = 0; i < CALLS; i++) {
        must(call_once(db));
        expect_le(count_descriptors(scheduler), open_before + LEFT);
    }
    expect_eq(prlimit(scheduler, RLIMIT_NOFILE, &usual, NULL), 0);
    for (int i = 0; i < VISITORS; i++) {
        child_await(&visitors[i]);
    }
    must(call_once(db));
    for (int i = 0; i < VISITORS; i++) {
        child_signal(&visitors[i]);
        child_must_end(&visitors[i]);
    }
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 10, story);
}
