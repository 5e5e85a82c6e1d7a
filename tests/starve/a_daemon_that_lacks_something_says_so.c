/*
 * Each daemon, and their supervisor, start while one call after another for memory, a map,
 * room in a file, a file, a socket or a thread fails, alone and with all that follow. Each time the
 * start fails in time, with a sentence and a status of its own, or the cluster works. Nothing is
 * left.
 *
 * Arguments: how many failures of a kind each program gets at most; a program.
 *
 * ctest: ci 100000
 */
#include "tests/starve/refuse.h"
#include "tests/starve/starve.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { READY_FD = 9, START_MS = 10000, END_MS = 10000, TEXT = 16384 };

static long starts, refusals;

/* ---- one start ------------------------------------------------------------------------------ */

struct start {
    pid_t pid;
    int ready, said; /* what it writes: the byte of READY_FD, its stderr */
};

/* Its stderr is a file: a pipe would be held open by whatever the start leaves behind. */
static void
start(const char *const *argv, struct start *start_out)
{
    int ready[2];
    char said[128];
    posix_spawn_file_actions_t actions;
    snprintf(said, sizeof said, "%s/said", story_files());
    start_out->said = open(said, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    expect(start_out->said >= 0 && pipe2(ready, O_CLOEXEC) == 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ready[1], READY_FD);
    posix_spawn_file_actions_adddup2(&actions, start_out->said, STDERR_FILENO);
    expect_eq(posix_spawn(&start_out->pid, story_program(argv[0]), &actions, NULL,
                          (char *const *)argv, environ),
              0);
    posix_spawn_file_actions_destroy(&actions);
    close(ready[1]);
    start_out->ready = ready[0];
}

static bool
is_ready(const struct start *start)
{
    char byte = '-';
    struct pollfd at = {.fd = start->ready, .events = POLLIN};
    expect_eq(poll(&at, 1, (int)bound_ms(START_MS)), 1); /* else it hangs */
    return read(start->ready, &byte, 1) == 1 && byte != '-';
}

/* It ends by itself, and says why. */
static void
expect_refusal(struct start *start, char text[TEXT])
{
    int status = 0;
    expect(story_wait_end(start->pid, bound_ms(END_MS)));
    expect_eq(waitpid(start->pid, &status, 0), start->pid);
    ssize_t size = pread(start->said, text, TEXT - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    if (!WIFEXITED(status) || WEXITSTATUS(status) == 0 || WEXITSTATUS(status) > 99) {
        give_up("it ended with wait status 0x%x, and said: %s", (unsigned)status, text);
    }
}

/* The program that lacked something has said so itself: "lode-store: no memory for the store". */
static void
expect_sentence(const char *text, const char *program)
{
    char begin[64];
    snprintf(begin, sizeof begin, "%s: ", program);
    const char *sentence = strstr(text, begin);
    if (sentence == NULL || strcspn(sentence + strlen(begin), "\n") < 8) {
        give_up("%s says nothing about itself, but: %s", program, text);
    }
}

static void
use_store(void)
{
    char bytes[100000] = {1};
    lode_view view;
    lode_id id;
    lode *db = store_open();
    must(lode_put(db, bytes, sizeof bytes, 0, &id));
    must(lode_get(db, id, 0, &view));
    lode_release(&view);
    lode_close(db);
}

static void
use_cluster(void)
{
    double sum;
    const double numbers[] = {1, 2};
    const lode_array array = {.dtype = LODE_F64, .ndim = 1, .shape = {2}};
    lode_id id, result;
    lode *db = cluster_open();
    must(lode_put_array(db, &array, numbers, 0, &id));
    must(lode_call(db, "blas.sum", LODE_ARGS(lode_ref(id)), NULL, &result));
    must(lode_get_f64(db, result, 30000, &sum));
    lode_close(db);
}

/* ---- all starts ----------------------------------------------------------------------------- */

/* Returns whether a call has failed before the program served. */
static bool
starve(const char *const *argv, const struct refusal *refusal)
{
    char text[TEXT];
    struct start it;
    bool is_store = strcmp(argv[0], "lode-store") == 0;
    printf("%s: %s %s %ld%s\n", argv[0], refusal->program, refusal->kind, refusal->n,
           (refusal->count > 1) ? " and more" : "");
    fflush(stdout);
    refuse(refusal);
    start(argv, &it);
    refuse(NULL);
    bool ready = is_ready(&it), failed = was_refused();
    if (!ready) {
        expect(failed);
        expect_refusal(&it, text);
        expect_sentence(text, refusal->program);
        refusals++;
    } else {
        if (failed && !(refusal->count > 1)) {
            is_store ? use_store() : use_cluster();
        }
        is_store ? daemon_stop(it.pid) : cluster_stop(it.pid);
    }
    starts += failed;
    close(it.ready);
    close(it.said);
    expect_eq(story_processes(NULL, NULL, 0), 0);
    expect_eq(story_count_files(story_shm()), 0);
    return failed;
}

static void
starve_program(const char *const *argv, const char *program, long most, const char *part)
{
    if (*part != '\0' && strcmp(program, part) != 0) {
        return;
    }
    for (int kind = 0; starve_kinds[kind] != NULL; kind++) {
        for (int many = 0; many < 2; many++) {
            struct refusal refusal = {program, starve_kinds[kind], 1, many ? STARVE_ALL : 1, false};
            while (refusal.n <= most && starve(argv, &refusal)) {
                refusal.n++;
            }
            expect(refusal.n > 1 || !starve_kind_is_sure(refusal.kind));
        }
    }
}

static void
story(int argc, char **argv)
{
    long most = count_argument(argc, argv, 1, 3);
    const char *part = argc > 2 ? argv[2] : "";
    const char *store[] = {"lode-store", "--ready-fd", "9", "--capacity", "16777216", NULL};
    const char *cluster[] = {"lode", "start",      "--ready-fd", "9", "--num-cpus",
                             "1",    "--capacity", "16777216",   NULL};
    starve_program(store, "lode-store", most, part);
    starve_program(cluster, "lode-scheduler", most, part);
    starve_program(cluster, "lode", most, part);
    printf("%ld starts lacked something, %ld of them were refused with a sentence\n", starts,
           refusals);
    expect_lt(0, refusals);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
