/*
 * While tasks are submitted, run and answered, the pipe of every session, programs' and workers',
 * is taken away again and again. A stranger does it: he says HELLO at each endpoint, so that the
 * scheduler takes him for the peer, and leaves. Every task runs exactly once, and every result
 * arrives.
 *
 * ctest: ci 200
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include "api/wire/link.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { TASKS = 50 };

static bool
say_hello(const char *name)
{
    const struct lode_link_batch hello = {
        .magic = LODE_LINK_MAGIC, .first = 1, .flags = LODE_LINK_HELLO};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct lode_link_batch answer;
    snprintf(address.sun_path, sizeof address.sun_path, "%.60s/%.40s", story_dir(), name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool there = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                 send(fd, &hello, sizeof hello, MSG_NOSIGNAL) == sizeof hello &&
                 recv(fd, &answer, sizeof answer, MSG_WAITALL) == sizeof answer &&
                 answer.magic == LODE_LINK_MAGIC;
    close(fd);
    return there;
}

/* One round over all endpoints for each byte from the parent; says how many were there. */
static void
knock(struct child *parent, void *arg)
{
    char byte;
    (void)arg;
    while (read(parent->from, &byte, 1) == 1) {
        DIR *dir = opendir(story_dir());
        int32_t count = 0;
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
            count += strncmp(entry->d_name, "n-", 2) == 0 && say_hello(entry->d_name);
        }
        closedir(dir);
        child_say(parent, &count, sizeof count);
    }
}

static int32_t
knock_on_all(struct child *stranger)
{
    int32_t count;
    child_signal(stranger);
    child_hear(stranger, &count, sizeof count);
    return count;
}

/* Marks count executions; increments give results, each of the one before. */
static void
one_round(lode *db, struct child *stranger, const char *path)
{
    lode_call_options once = {.struct_size = sizeof once, .max_retries = LODE_ZERO};
    lode_id marks[TASKS], last, next;
    int64_t value;
    must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(0)), &once, &last));
    for (int i = 0; i < TASKS; i++) {
        must(lode_call(db, "play.mark", LODE_ARGS(lode_str(path)), &once, &marks[i]));
        must(lode_call(db, "play.increment", LODE_ARGS(lode_ref(last)), &once, &next));
        lode_drop(db, last);
        last = next;
        if (i % 10 == 5) {
            while (knock_on_all(stranger) < 3) { /* ours, and two workers', which may be starting */
            }
        }
    }
    must(lode_get_i64(db, last, LODE_FOREVER, &value));
    expect_eq(value, TASKS + 1);
    lode_drop(db, last);
    must(lode_wait(db, marks, TASKS, TASKS, LODE_FOREVER, NULL, NULL));
    for (int i = 0; i < TASKS; i++) {
        lode_drop(db, marks[i]);
    }
}

static void
story(int argc, char **argv)
{
    long rounds = count_argument(argc, argv, 1, 20);
    struct child stranger;
    struct stat st;
    char path[256];
    lode_scheduler_stats stats;
    snprintf(path, sizeof path, "%s/marks", story_files());
    pid_t supervisor = cluster_start(2, 64 << 20);
    child_start(&stranger, knock, NULL);
    lode *db = cluster_open_with("play");
    for (long i = 0; i < rounds; i++) {
        one_round(db, &stranger, path);
    }
    expect_eq(stat(path, &st), 0);
    expect_eq(st.st_size, rounds * TASKS);
    must(lode_get_scheduler_stats(db, &stats));
    expect_eq(stats.failed, 0);
    expect_eq(stats.retried, 0);
    expect_eq(stats.workers_died, 0);
    child_join(&stranger, true);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
