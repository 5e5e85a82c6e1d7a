/* Arguments that the store has no memory to watch: it is asked again. */
#include "tests/unit/scheduler/core/driver.h"

TestSuite(core_asking, .init = two_cpus, .fini = stop);

enum { AGAIN_NS = 100000000 }; /* CORE_ASK_AGAIN_NS */

static void
fire_after(int64_t ns)
{
    clock_ns += ns;
    step((struct core_event){.type = CORE_TIMER});
}

/* Ids for which the last event has asked the store. */
static uint32_t
asked(void)
{
    uint32_t ids = 0;
    for (int i = 0; find(CORE_WATCH, 0, i) != NULL; i++) {
        ids += find(CORE_WATCH, 0, i)->a.size / (uint32_t)sizeof(lode_id);
    }
    return ids;
}

Test(core_asking, an_object_that_the_store_has_no_memory_to_watch_is_asked_for_again)
{
    lode_id other = lode_id_make(LODE_ID_PUT, 77, 5);
    submit(PROGRAM, (struct call){.args = 1, .arg = {other}});
    uint64_t cookie = find(CORE_WATCH, 0, 0)->a.cookie;
    for (int i = 0; i < 3; i++) {
        notify(cookie, other, LODE_FOUND_STARVED, 0);
        cr_assert_null(error_put(NULL), "the argument is not gone");
        cr_assert_null(find(CORE_WATCH, 0, 0), "not at once");
        fire_after(AGAIN_NS / 2);
        cr_assert_null(find(CORE_WATCH, 0, 0));
        fire_after(AGAIN_NS / 2);
        cr_assert_eq(count(CORE_WATCH, 0), 1);
        cr_assert_eq(find(CORE_WATCH, 0, 0)->a.cookie, cookie);
        cr_assert(lode_id_same(*(lode_id *)(void *)find(CORE_WATCH, 0, 0)->bytes, other));
    }
    fire_after(10 * AGAIN_NS);
    cr_assert_null(find(CORE_WATCH, 0, 0), "once for each answer");
    notify(cookie, other, LODE_FOUND_SEALED, 0);
    cr_assert_neq(ran(0, NULL), 0);
}

Test(core_asking, what_was_not_watched_and_has_come_meanwhile_is_not_asked_for_again)
{
    lode_id other = lode_id_make(LODE_ID_PUT, 77, 5);
    submit(PROGRAM, (struct call){.args = 1, .arg = {other}});
    uint64_t cookie = find(CORE_WATCH, 0, 0)->a.cookie;
    notify(cookie, other, LODE_FOUND_STARVED, 0);
    notify(cookie, other, LODE_FOUND_SEALED, 0);
    cr_assert_neq(ran(0, NULL), 0);
    fire_after(AGAIN_NS);
    cr_assert_null(find(CORE_WATCH, 0, 0));
}

/*
 * Else a store that has no memory would be kept busy by being told so; one that has some would
 * idle.
 */
Test(core_asking, a_store_without_memory_is_asked_for_a_packet_of_ids_and_then_for_ever_more)
{
    enum { IDS = 3 * CORE_STORE_IDS + 3 };
    static lode_id id[IDS];
    static uint64_t cookie[IDS];
    for (uint32_t i = 0; i < IDS; i++) {
        id[i] = lode_id_make(LODE_ID_PUT, 77, 8 * (i + 1));
        submit(PROGRAM, (struct call){.args = 1, .arg = {id[i]}});
        cookie[i] = find(CORE_WATCH, 0, 0)->a.cookie;
    }
    for (uint32_t i = 0; i < IDS; i++) {
        notify(cookie[i], id[i], LODE_FOUND_STARVED, 0);
    }
    static const uint32_t WANT[] = {CORE_STORE_IDS, 2 * CORE_STORE_IDS, 3, 0};
    for (int turn = 0; turn < 4; turn++) {
        fire_after(AGAIN_NS);
        cr_assert_eq(asked(), WANT[turn]);
    }
}

Test(core_asking, a_store_that_lacks_memory_again_is_asked_for_one_packet_of_ids_again)
{
    enum { IDS = 3 * CORE_STORE_IDS };
    static lode_id id[IDS];
    static uint64_t cookie[IDS];
    for (uint32_t i = 0; i < IDS; i++) {
        id[i] = lode_id_make(LODE_ID_PUT, 77, 8 * (i + 1));
        submit(PROGRAM, (struct call){.args = 1, .arg = {id[i]}});
        cookie[i] = find(CORE_WATCH, 0, 0)->a.cookie;
    }
    for (uint32_t i = 0; i < IDS; i++) {
        notify(cookie[i], id[i], LODE_FOUND_STARVED, 0);
    }
    for (int turn = 0; turn < 2; turn++) {
        fire_after(AGAIN_NS);
        cr_assert_eq(asked(), CORE_STORE_IDS);
        notify(cookie[0], id[0], LODE_FOUND_STARVED, 0);
    }
}
