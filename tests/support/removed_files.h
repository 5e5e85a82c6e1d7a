/* removed_files.h: what stories look for after somebody has removed a cluster's files. */
#ifndef TESTS_SUPPORT_REMOVED_FILES_H
#define TESTS_SUPPORT_REMOVED_FILES_H

#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* Waits until all the files are there again. */
static inline void
expect_back(const char *dir, const char *const *names, int count)
{
    int64_t end = now_ms() + bound_ms(5000);
    for (int i = 0; i < count; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        while (access(path, F_OK) != 0) {
            if (now_ms() > end) {
                give_up("%s does not come back", path);
            }
            sched_yield();
        }
    }
}

/* A task runs. */
static inline void
increment(lode *db)
{
    lode_id result;
    int64_t value;
    must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(41)), NULL, &result));
    must(lode_get_i64(db, result, 20000, &value));
    expect_eq(value, 42);
}

/* The only one; another takes its place. */
static inline void
kill_worker(void)
{
    pid_t worker = story_process("lode-worker");
    kill(worker, SIGKILL);
    expect(story_wait_end(worker, bound_ms(5000)));
}

#endif
