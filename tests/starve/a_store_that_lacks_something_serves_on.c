/*
 * A store serves a program that makes every call, and is refused one call after another for memory,
 * a map, room in a file or a file, alone and with a few that follow. The program's calls give an
 * error or do their work; afterwards they all work; the store ends in good order.
 */
#include "tests/starve/calls.h"
#include "tests/starve/refuse.h"
#include "tests/starve/starve.h"
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

enum { A_FEW = 4, CALL_MS = 4500 };

static long refused, errors, cuts;

/* The store may end a session that it has no memory for. */
static lode_err
open_store(lode **db_out)
{
    const lode_open_options options = {.struct_size = sizeof options,
                                       .flags = LODE_OPEN_ATTACH | LODE_OPEN_STORE_ONLY};
    return lode_open(NULL, &options, db_out);
}

static void
count_error(lode_err err)
{
    if (err != LODE_OK) {
        expect(lode_last_error()[0] != '\0');
        errors++;
        cuts += err == LODE_EDOWN;
    }
}

static lode_err
prepare(struct round *r)
{
    const lode_array numbers = {.dtype = LODE_F64, .ndim = 1, .shape = {SMALL / 8}};
    static const char bytes[LARGE];
    lode_err err = lode_put_array(r->db, &numbers, bytes, 0, &r->ids[0]);
    if (err == LODE_OK) {
        err = lode_put(r->db, bytes, LARGE, 0, &r->ids[1]);
    }
    return err == LODE_OK ? lode_name_set(r->db, NULL, "large", r->ids[1], LODE_NAME_REPLACE) : err;
}

/* Every call once. An error is counted, or with `sound` ends the test. */
static void
make_calls(bool sound)
{
    struct round r = {.name = "name"};
    lode_err err = open_store(&r.db);
    bool open = err == LODE_OK;
    err = open ? prepare(&r) : err;
    for (const struct call *call = store_calls; call->name != NULL && err == LODE_OK; call++) {
        must(lode_id_random(&r.absent));
        int64_t begin = now_ms();
        lode_err got = call->run(&r);
        expect_lt(now_ms() - begin, bound_ms(CALL_MS));
        if (sound) {
            check_err(__FILE__, __LINE__, call->name, got, LODE_OK);
        }
        count_error(got);
        end_call(&r);
        if (got == LODE_EDOWN || r.db == NULL) {
            lode_close(r.db);
            open = false;
            err = open_store(&r.db);
            open = err == LODE_OK;
            err = open ? prepare(&r) : err;
        }
    }
    if (sound) {
        must(err);
    }
    count_error(err);
    if (open) {
        lode_close(r.db);
    }
}

static void
make_calls_in_need(struct child *parent, void *arg)
{
    (void)arg;
    make_calls(false);
    child_say(parent, &errors, sizeof errors);
    child_say(parent, &cuts, sizeof cuts);
}

/*
 * A process of its own, that ends: the store keeps what a session that it has cut was writing for
 * as long as the process runs.
 */
static void
be_refused(void)
{
    struct child child;
    child_start(&child, make_calls_in_need, NULL);
    child_hear(&child, &errors, sizeof errors);
    child_hear(&child, &cuts, sizeof cuts);
    child_must_end(&child);
}

/* Returns whether the store was refused something. */
static bool
serve(const struct refusal *refusal)
{
    printf("lode-store: %s %ld, %ld times\n", refusal->kind, refusal->n, refusal->count);
    fflush(stdout);
    refuse(refusal);
    pid_t store = store_start(16 << 20);
    refuse(NULL);
    refuse_now(true);
    be_refused();
    refuse_now(false);
    make_calls(true);
    lode *db = store_open();
    must(lode_name_remove(db, NULL, "large"));
    must(lode_name_remove(db, "space", "name"));
    expect_empty_store(db);
    lode_close(db);
    daemon_stop(store);
    refused += was_refused();
    return was_refused();
}

static void
story(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (int kind = 0; starve_kinds[kind] != NULL; kind++) {
        for (int few = 0; few < 2; few++) {
            struct refusal refusal = {"lode-store", starve_kinds[kind], 1, few ? A_FEW : 1, true};
            while (serve(&refusal)) {
                refusal.n++;
            }
            expect(refusal.n > 1 || !starve_kind_is_sure(refusal.kind));
        }
    }
    printf("%ld refusals, %ld calls gave an error, of which %ld a cut session\n", refused, errors,
           cuts);
    expect_lt(0, errors);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 60, story);
}
