/*
 * Each public call is made again and again, and each time another one of its requests for memory, a
 * map, a file, a socket or a thread fails: that one alone, or with all that follow. The call gives
 * an error, or does without. It hangs nowhere, ends no process and leaks nothing. When it is called
 * once more, it does its work.
 *
 * Arguments: how many failures of a kind each call gets at most; a part of a call's name.
 *
 * ctest: ci 100000
 */
#include "tests/starve/calls.h"
#include "tests/starve/starve.h"
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* CALL_MS: less than any timeout of liblode's, which a lost message would cost. */
enum {
    NEVER = 1000000000,
    A_FEW = 4,
    CALL_MS = 4500,
    SETTLE_MS = 2000,
    REPEATS = 5,
    KINDS_MAX = 16
};

static struct {
    long calls, failures, errors;
    long of_kind[KINDS_MAX]; /* failures, of children too */
} total;

/* ---- what a call must leave as it was ------------------------------------------------------- */

struct state {
    long blocks, our_blocks;
    int descriptors, maps;
};

static int
count_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    expect(dir != NULL);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

/* Maps of shared memory: those of the heap and of threads' stacks come and go. */
static int
count_maps(void)
{
    char line[512];
    int count = 0;
    FILE *file = fopen("/proc/self/maps", "re");
    expect(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        count += strstr(line, story_shm()) != NULL;
    }
    fclose(file);
    return count;
}

static void
look(struct state *state_out)
{
    state_out->descriptors = count_descriptors();
    state_out->maps = count_maps();
    state_out->blocks = starve_blocks(false);
    state_out->our_blocks = starve_blocks(true);
}

static bool
is_more(const struct state *now, const struct state *before, bool threads)
{
    return now->our_blocks > before->our_blocks || now->descriptors > before->descriptors ||
           now->maps > before->maps || (!threads && now->blocks > before->blocks);
}

/*
 * With threads, that is with a scheduler: nng closes what it has on threads of its own, and keeps
 * blocks of memory as it likes.
 */
static bool
is_as_before(const struct state *before, bool threads, struct state *now_out)
{
    int64_t late = now_ms() + (threads ? SETTLE_MS : 0);
    do {
        look(now_out);
    } while (is_more(now_out, before, threads) && now_ms() < late);
    return !is_more(now_out, before, threads);
}

/* ---- one failure ---------------------------------------------------------------------------- */

struct failure {
    int kind;
    long n, count;
};

static lode *
open_session(bool threads)
{
    return threads ? cluster_open() : store_open();
}

/* Runs the call once. Returns whether one of its calls has failed. */
static bool
run_starving(const struct call *call, struct round *r, const struct failure *failure)
{
    int64_t begin = now_ms();
    starve_arm(failure->kind, failure->n, failure->count);
    lode_err err = call->run(r);
    bool failed = starve_disarm();
    expect_lt(now_ms() - begin, bound_ms(CALL_MS));
    if (!failed) {
        must(err);
    }
    if (err != LODE_OK) {
        expect_text(lode_err_name(err), "LODE_E");
        expect(strcmp(lode_err_name(err), "LODE_E?") != 0);
        expect(lode_last_error()[0] != '\0');
        total.errors++;
    }
    total.failures += failed;
    end_call(r);
    return failed;
}

static void
run_unharmed(const struct call *call, struct round *r, bool threads)
{
    if (r->db == NULL) {
        r->db = open_session(threads);
    }
    must(call->run(r));
    end_call(r);
}

static void
begin_round(struct round *r, const lode_id ids[2])
{
    static int number;
    *r = (struct round){.ids = {ids[0], ids[1]}};
    must(lode_id_random(&r->absent));
    snprintf(r->name, sizeof r->name, "name %d", number++ % 4);
}

static bool
starve_once(const struct call *call, const lode_id ids[2], bool threads,
            const struct failure *failure)
{
    struct round r;
    begin_round(&r, ids);
    r.db = open_session(threads);
    bool failed = run_starving(call, &r, failure);
    if (failed) {
        must(lode_id_random(&r.absent));
        run_unharmed(call, &r, threads);
    }
    lode_close(r.db);
    return failed;
}

/*
 * Something may be left once: a thread of liblode's or nng's keeps the sentence of its first error.
 * What is left each time is a leak.
 */
static bool
starve(const struct call *call, const lode_id ids[2], bool threads, const struct failure *failure)
{
    struct state before, now;
    for (int i = 0; i < REPEATS; i++) {
        long last_block = starve_last_block();
        look(&before);
        bool failed = starve_once(call, ids, threads, failure);
        if (is_as_before(&before, threads, &now)) {
            return failed;
        }
        starve_print_blocks(last_block);
    }
    give_up("%s: %s %ld, %ld times: leaves %ld blocks (of liblode %ld), %d descriptors, %d maps",
            call->name, starve_kinds[failure->kind], failure->n, failure->count,
            now.blocks - before.blocks, now.our_blocks - before.our_blocks,
            now.descriptors - before.descriptors, now.maps - before.maps);
}

/* ---- all of them ---------------------------------------------------------------------------- */

typedef bool (*starve_fn)(const struct call *call, const lode_id ids[2], bool threads,
                          const struct failure *failure);

/*
 * One fails; then a few; then all. With a scheduler "all" would show nothing but its timeouts: what
 * a link cannot send now, it sends later.
 */
static void
starve_call(const struct call *call, starve_fn one, const lode_id ids[2], bool threads, long most)
{
    const long counts[] = {1, A_FEW, STARVE_ALL};
    const struct failure none = {.n = NEVER};
    one(call, ids, threads, &none);
    total.calls++;
    for (int kind = 0; starve_kinds[kind] != NULL; kind++) {
        for (int i = 0; i < (threads ? 2 : 3); i++) {
            struct failure failure = {.kind = kind, .n = 1, .count = counts[i]};
            do { /* the last line says where it stopped, should it hang */
                printf("%s: %s %ld, %ld times\n", call->name, starve_kinds[kind], failure.n,
                       failure.count);
                fflush(stdout);
            } while (failure.n <= most && one(call, ids, threads, &failure) && failure.n++ > 0);
            total.of_kind[kind] += failure.n - 1;
        }
    }
}

static void
starve_calls(const struct call *calls, starve_fn one, const lode_id ids[2], bool threads, long most,
             const char *part)
{
    for (const struct call *call = calls; call->name != NULL; call++) {
        if (strstr(call->name, part) != NULL) {
            starve_call(call, one, ids, threads, most);
        }
    }
}

/* ---- the first calls of a process ----------------------------------------------------------- */

struct first {
    const struct call *call;
    const lode_id *ids;
    const struct failure *failure;
};

static void
be_the_first(struct child *parent, void *arg)
{
    const struct first *first = arg;
    struct round r;
    begin_round(&r, first->ids);
    bool failed = run_starving(first->call, &r, first->failure);
    must(first->call->run(&r));
    child_say(parent, &failed, sizeof failed);
}

/* In a process that has used nothing of liblode before. */
static bool
starve_first(const struct call *call, const lode_id ids[2], bool threads,
             const struct failure *failure)
{
    struct first first = {call, ids, failure};
    struct child child;
    bool failed;
    (void)threads;
    child_start(&child, be_the_first, &first);
    child_hear(&child, &failed, sizeof failed);
    child_must_end(&child);
    return failed;
}

/* ---- the story ------------------------------------------------------------------------------ */

/* All calls together meet them; one alone may need no file. */
static void
expect_sure_kinds_failed(void)
{
    for (int kind = 0; starve_kinds[kind] != NULL; kind++) {
        expect(total.of_kind[kind] > 0 || !starve_kind_is_sure(starve_kinds[kind]));
    }
}

/* Keeps what the calls use until the pipe ends. */
static void
keep_objects(struct child *parent, void *arg)
{
    lode_id ids[2];
    (void)arg;
    lode *db = cluster_open();
    prepare_calls(db, ids);
    cluster_offer("play");
    child_say(parent, ids, sizeof ids);
    child_await(parent);
    lode_close(db);
}

/* What the first calls of a process and of a thread set up stays, the sentence of an error too. */
static void
set_up(lode_id id)
{
    lode_view view;
    lode_scheduler_stats stats;
    lode *db = cluster_open();
    must(lode_get(db, id, 0, &view));
    lode_release(&view);
    must(lode_get_scheduler_stats(db, &stats));
    lode_close(db);
    fails(lode_get(NULL, id, 0, &view), LODE_EINVAL);
}

static void
story(int argc, char **argv)
{
    long most = count_argument(argc, argv, 1, 3);
    const char *part = argc > 2 ? argv[2] : "";
    lode_id ids[2];
    struct child keeper;
    pid_t supervisor = cluster_start(1, 64 << 20);
    child_start(&keeper, keep_objects, NULL);
    child_hear(&keeper, ids, sizeof ids);
    starve_calls(open_calls, starve_first, ids, true, most, part);
    set_up(ids[0]);
    starve_calls(store_calls, starve, ids, false, most, part);
    starve_calls(open_calls, starve, ids, true, most, part);
    starve_calls(task_calls, starve, ids, true, most, part);
    printf("%ld calls, %ld failures, of which %ld were errors and %ld did no harm\n", total.calls,
           total.failures, total.errors, total.failures - total.errors);
    if (*part == '\0') {
        expect_sure_kinds_failed();
    }
    child_signal(&keeper);
    child_must_end(&keeper);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
