/*
 * What `lode load` has offered is offered by the next scheduler, too, after kill -9 and after the
 * store's death. A file that is gone by then is lost, and `lode status` and the call say so.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static void
copy_file(const char *from, const char *to)
{
    struct stat st;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    expect(in >= 0 && out >= 0 && fstat(in, &st) == 0);
    while (sendfile(out, in, NULL, (size_t)st.st_size) > 0) {
    }
    close(in);
    close(out);
}

static void
offer(const char *path)
{
    char said[512], why[512];
    const char *const argv[] = {"lode", "load", path, NULL};
    expect_eq(program_run(argv, said, why, sizeof said), 0);
}

static void
kill_daemon(const char *name)
{
    pid_t pid = story_process(name);
    kill(pid, SIGKILL);
    expect(story_wait_end(pid, bound_ms(5000)));
}

/* A call in a session with the scheduler that is there next. */
static lode_err
call_next(const char *function, lode_args args)
{
    int64_t end = now_ms() + bound_ms(20000), value;
    lode_err err;
    do {
        lode *db = NULL;
        lode_id result;
        lode_open_options attach = {.struct_size = sizeof attach, .flags = LODE_OPEN_ATTACH};
        err = lode_open(NULL, &attach, &db);
        err = err == LODE_OK ? lode_call(db, function, args, NULL, &result) : err;
        err = err == LODE_OK ? lode_get_i64(db, result, LODE_FOREVER, &value) : err;
        lode_close(db);
    } while (err == LODE_EDOWN && now_ms() < end);
    return err;
}

static void
status_says_what_is_lost(const char *file)
{
    static char text[16384], why[16384];
    const char *const argv[] = {"lode", "status", NULL};
    expect_eq(program_run(argv, text, why, sizeof text), 0);
    expect_text(text, "Lost libraries");
    expect_text(text, file);
}

static void
story(int argc, char **argv)
{
    char file[256];
    (void)argc, (void)argv;
    pid_t supervisor = cluster_start(1, 32 << 20);
    snprintf(file, sizeof file, "%s/here-and-gone.so", story_files());
    copy_file(story_tasks("nest"), file);
    offer(story_tasks("play"));
    offer(file);
    lode *old = cluster_open();
    lode_id result;
    int64_t value;
    must(lode_call(old, "nest.one", LODE_NO_ARGS, NULL, &result));
    must(lode_get_i64(old, result, LODE_FOREVER, &value));

    kill_daemon("lode-scheduler");
    must(call_next("nest.one", LODE_NO_ARGS));
    must(call_next("play.increment", LODE_ARGS(lode_i64(1))));
    lode_err err;
    do { /* the session learns of it in its own time */
        err = lode_call(old, "nest.one", LODE_NO_ARGS, NULL, &result);
    } while (err == LODE_OK);
    expect_eq(err, LODE_EDOWN);
    lode_close(old);

    kill_daemon("lode-store");
    must(call_next("play.increment", LODE_ARGS(lode_i64(1))));

    expect_eq(unlink(file), 0);
    kill_daemon("lode-scheduler");
    must(call_next("play.increment", LODE_ARGS(lode_i64(1))));
    fails(call_next("nest.one", LODE_NO_ARGS), LODE_ELIBRARY);
    expect_text(lode_last_error(), "was lost when the scheduler was replaced");
    expect_text(lode_last_error(), file);
    status_says_what_is_lost(file);
    cluster_stop(supervisor);

    supervisor = cluster_start(1, 32 << 20); /* another cluster: nothing is offered */
    fails(call_next("play.increment", LODE_ARGS(lode_i64(1))), LODE_ELIBRARY);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 40, story);
}
