/*
 * While the scheduler is stopped, each call comes back: one with a timeout a second after its time
 * is up at the latest, one that wants the scheduler's answer within five seconds. That one says
 * that the scheduler does not answer, and which process that is. A call of a function that the
 * session knows needs no answer. Once the scheduler runs on, the same sessions work, and each task
 * that was taken runs once.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GRACE_MS = 1000, ANSWER_MS = 5000, CALLS = 1000 };

static pid_t scheduler;

/* What the calls are made with. */
struct calls {
    lode *db;    /* is connected, and knows play.mark */
    lode *fresh; /* has never asked the scheduler */
    lode *last;  /* the same as db; is closed */
    lode *untried;
    char marks[300], lasts[300]; /* files: a byte for each execution */
    lode_id pending[CALLS], stopped, of_last;
};

static void
expect_silent(lode_err err, int64_t began, const char *what)
{
    char process[32];
    int64_t took = now_ms() - began;
    if (err != LODE_ETIMEDOUT || took > ANSWER_MS + bound_ms(1000)) {
        give_up("%s: %s after %lld ms: %s", what, lode_err_name(err), (long long)took,
                lode_last_error());
    }
    snprintf(process, sizeof process, "process %d", (int)scheduler);
    expect_text(lode_last_error(), process);
    expect_text(lode_last_error(), "stopped");
}

/* Each on a thread of its own, for each takes its five seconds; all begin at once. */
#define UNANSWERED(name, call)                                                                     \
    static void *name(void *arg)                                                                   \
    {                                                                                              \
        struct calls *c = arg;                                                                     \
        lode_scheduler_stats stats;                                                                \
        lode_call_options two = {.struct_size = sizeof two, .num_cpus = 2};                        \
        lode_id result;                                                                            \
        size_t count;                                                                              \
        int64_t began = now_ms();                                                                  \
        (void)stats, (void)two, (void)result, (void)count;                                         \
        expect_silent((call), began, #call);                                                       \
        return NULL;                                                                               \
    }
UNANSWERED(call_unknown, lode_call(c->db, "play.pid", LODE_NO_ARGS, NULL, &result))
UNANSWERED(count_unknown, lode_result_count(c->db, "play.halves", &count))
UNANSWERED(load, lode_load(c->db, story_tasks("hold")))
UNANSWERED(ask_stats, lode_get_scheduler_stats(c->db, &stats))
UNANSWERED(call_wide, lode_call(c->db, "play.mark", LODE_ARGS(lode_str(c->lasts)), &two, &result))
UNANSWERED(first_call, lode_call(c->fresh, "play.pid", LODE_NO_ARGS, NULL, &result))
UNANSWERED(first_count, lode_result_count(c->fresh, "play.pid", &count))
UNANSWERED(first_load, lode_load(c->fresh, story_tasks("hold")))
UNANSWERED(first_stats, lode_get_scheduler_stats(c->fresh, &stats))

/* The link takes them, and sends what it can. */
static void *
call_known(void *arg)
{
    struct calls *c = arg;
    size_t count;
    int64_t began = now_ms();
    must(lode_result_count(c->db, "play.mark", &count));
    for (int i = 0; i < CALLS; i++) {
        must(lode_call(c->db, "play.mark", LODE_ARGS(lode_str(c->marks)), NULL, &c->pending[i]));
    }
    must(lode_cancel(c->db, c->stopped, 0));
    expect_lt(now_ms() - began, ANSWER_MS);
    return NULL;
}

/* A result is awaited in the store, which runs. */
static void *
await_results(void *arg)
{
    const int64_t times_ms[] = {0, 100, 1000};
    struct calls *c = arg;
    lode *const of[] = {c->db, c->fresh};
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 2; k++) {
            lode_view view;
            lode_id ids[2] = {c->stopped, c->stopped};
            int64_t began = now_ms(), whole;
            fails(lode_get(of[k], c->stopped, times_ms[i], &view), LODE_ETIMEDOUT);
            fails(lode_get_i64(of[k], c->stopped, times_ms[i], &whole), LODE_ETIMEDOUT);
            fails(lode_wait(of[k], ids, 1, 1, times_ms[i], NULL, NULL), LODE_ETIMEDOUT);
            expect_lt(now_ms() - began, 3 * times_ms[i] + GRACE_MS + bound_ms(1000));
        }
    }
    return NULL;
}

static void *
come_and_go(void *arg)
{
    struct calls *c = arg;
    (void)c;
    int64_t began = now_ms();
    for (int i = 0; i < 3; i++) {
        lode *db = cluster_open();
        lode_id id;
        must(lode_put(db, "x", 1, 0, &id));
        lode_close(db);
    }
    expect_lt(now_ms() - began, GRACE_MS + bound_ms(1000));
    return NULL;
}

/* The scheduler has not taken the call: the close waits for that, and no longer than it says. */
static void *
close_with_a_call(void *arg)
{
    struct calls *c = arg;
    must(lode_call(c->last, "play.mark", LODE_ARGS(lode_str(c->lasts)), NULL, &c->of_last));
    int64_t began = now_ms();
    lode_close(c->last);
    expect_lt(now_ms() - began, ANSWER_MS + bound_ms(1000));
    return NULL;
}

/* The session asks for the scheduler, is not answered, and ends. */
static void *
close_while_unconnected(void *arg)
{
    struct calls *c = arg;
    lode_scheduler_stats stats;
    int64_t began = now_ms();
    expect_silent(lode_get_scheduler_stats(c->untried, &stats), began, "the first question");
    began = now_ms();
    lode_close(c->untried);
    expect_lt(now_ms() - began, bound_ms(1000));
    return NULL;
}

static void
ask_all(struct calls *c)
{
    void *(*const parts[])(void *) = {call_unknown,
                                      count_unknown,
                                      load,
                                      ask_stats,
                                      call_wide,
                                      first_call,
                                      first_count,
                                      first_load,
                                      first_stats,
                                      call_known,
                                      await_results,
                                      come_and_go,
                                      close_with_a_call,
                                      close_while_unconnected};
    enum { PARTS = sizeof parts / sizeof parts[0] };
    pthread_t threads[PARTS];
    for (int i = 0; i < PARTS; i++) {
        expect_eq(pthread_create(&threads[i], NULL, parts[i], c), 0);
    }
    for (int i = 0; i < PARTS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static int64_t
size_of(const char *path)
{
    struct stat file;
    return stat(path, &file) == 0 ? (int64_t)file.st_size : 0;
}

/* A session that has asked the scheduler before, and knows play.mark. */
static lode *
open_acquainted(void)
{
    size_t count;
    lode *db = cluster_open_with("play");
    must(lode_result_count(db, "play.mark", &count));
    return db;
}

static void
prepare(struct calls *c)
{
    char fifo[300], byte;
    c->db = open_acquainted();
    c->last = open_acquainted();
    c->fresh = cluster_open();
    c->untried = cluster_open();
    snprintf(c->marks, sizeof c->marks, "%s/marks", story_files());
    snprintf(c->lasts, sizeof c->lasts, "%s/lasts", story_files());
    snprintf(fifo, sizeof fifo, "%s/fifo", story_files());
    expect_eq(mkfifo(fifo, 0600), 0);
    must(lode_call(c->db, "play.loop_until_cancelled", LODE_ARGS(lode_str(fifo)), NULL,
                   &c->stopped));
    FILE *runs = fopen(fifo, "re");
    expect(runs != NULL && fread(&byte, 1, 1, runs) == 1);
    fclose(runs);
}

/* The cancelled task tells of it before it ends. */
static void
expect_as_if_nothing_had_been(struct calls *c)
{
    char fifo[300], byte;
    lode_view view;
    lode_id result;
    int64_t pid;
    snprintf(fifo, sizeof fifo, "%s/fifo", story_files());
    FILE *tells = fopen(fifo, "re");
    expect(tells != NULL && fread(&byte, 1, 1, tells) == 1);
    fclose(tells);
    fails(lode_get(c->db, c->stopped, LODE_FOREVER, &view), LODE_ECANCELLED);
    must(lode_wait(c->db, c->pending, CALLS, CALLS, LODE_FOREVER, NULL, NULL));
    expect_eq(size_of(c->marks), CALLS);
    lode *const of[] = {c->db, c->fresh};
    for (int k = 0; k < 2; k++) {
        must(lode_call(of[k], "play.pid", LODE_NO_ARGS, NULL, &result));
        must(lode_get_i64(of[k], result, LODE_FOREVER, &pid));
        lode_drop(of[k], result);
    }
    expect_le(size_of(c->lasts), 1); /* its session had ended */
    for (int i = 0; i < CALLS; i++) {
        lode_drop(c->db, c->pending[i]);
    }
    lode_drop(c->db, c->stopped);
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    static struct calls c;
    pid_t supervisor = cluster_start(1, 64 << 20);
    prepare(&c);
    scheduler = story_process("lode-scheduler");
    story_stop_process(scheduler);
    ask_all(&c);
    kill(scheduler, SIGCONT);
    expect_as_if_nothing_had_been(&c);
    await_stat(c.db, objects, 0);
    lode_close(c.fresh);
    lode_close(c.db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
