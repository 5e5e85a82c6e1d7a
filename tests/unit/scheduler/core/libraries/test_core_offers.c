/* What an earlier scheduler offered to all is offered again, or is lost with a reason. */
#include "tests/unit/scheduler/core/driver.h"

TestSuite(core_offers, .init = one_cpu, .fini = stop);

static void
offer_again(const char *name, const char *source)
{
    struct core_event event = {.type = CORE_OFFER_AGAIN, .u.offer = {name, source}};
    step(event);
    cr_assert_str_eq((const char *)find(CORE_COPY_LIBRARY, 0, 0)->bytes, source);
}

static void
copied(uint64_t cookie, const char *copy, const char *why)
{
    struct core_event event = {.type = CORE_LIBRARY_COPIED};
    event.u.copied.cookie = cookie;
    event.u.copied.path = copy;
    event.u.copied.err = why != NULL ? LODE_ELIBRARY : LODE_OK;
    event.u.copied.text = why;
    step(event);
}

static void
resolve(const char *name)
{
    struct lode_task_resolve head = {.tag = 4};
    uint8_t bytes[sizeof head + 64];
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, name, strlen(name));
    record(OTHER, LODE_TASK_RESOLVE, bytes, sizeof head + strlen(name));
}

static void
offer(const char *source, const char *copy, const char *name)
{
    load_file((struct file){OTHER, LODE_LOAD_FOR_ALL, source, copy, 0}, name);
}

Test(core_offers, what_is_offered_is_told_whenever_it_changes)
{
    static const char ONE[] = "util\0/u.so", TWO[] = "more\0/m.so\0util\0/u.so";
    offer("/u.so", "/state/lib/u.so", "util");
    const struct seen *told = find(CORE_OFFERED, 0, 0);
    cr_assert_not_null(told);
    cr_assert_eq(told->a.size, sizeof ONE);
    cr_assert_eq(memcmp(told->bytes, ONE, sizeof ONE), 0);
    offer("/m.so", "/state/lib/m.so", "more");
    told = find(CORE_OFFERED, 0, 0);
    cr_assert_eq(told->a.size, sizeof TWO);
    cr_assert_eq(memcmp(told->bytes, TWO, sizeof TWO), 0);
    offer("/u.so", "/state/lib/u2.so", "util");
    cr_assert_null(find(CORE_OFFERED, 0, 0), "a new version of the same file");
    load_file((struct file){OTHER, 0, "/o.so", "/state/lib/o.so", 0}, "own");
    cr_assert_null(find(CORE_OFFERED, 0, 0), "a program's own");
}

Test(core_offers, a_call_waits_until_the_library_is_offered_again)
{
    offer_again("util", "/u.so");
    uint64_t cookie = find(CORE_COPY_LIBRARY, 0, 0)->a.cookie;
    resolve("util.f");
    cr_assert_eq(count(CORE_SEND, LODE_TASK_RESOLVED), 0);
    copied(cookie, "/state/lib/u.so", NULL);
    describe("util");
    const struct lode_task_resolved *answer = sent(LODE_TASK_RESOLVED, NULL);
    cr_assert_eq(answer->err, LODE_OK);
    cr_assert_eq(answer->results, 1);
}

Test(core_offers, a_library_that_is_not_there_any_more_is_lost_with_its_reason)
{
    offer_again("util", "/u.so");
    uint64_t cookie = find(CORE_COPY_LIBRARY, 0, 0)->a.cookie;
    resolve("util.f");
    copied(cookie, NULL, "no such file");
    for (int i = 0; i < 2; i++) {
        const struct lode_task_resolved *answer = sent(LODE_TASK_RESOLVED, NULL);
        cr_assert_eq(answer->err, LODE_ENOTFOUND);
        cr_assert_not_null(strstr((const char *)(answer + 1), "was lost"));
        cr_assert_not_null(strstr((const char *)(answer + 1), "no such file"));
        resolve("util.f");
    }
    offer("/new/u.so", "/state/lib/u.so", "util");
    resolve("util.f");
    cr_assert_eq(((const struct lode_task_resolved *)sent(LODE_TASK_RESOLVED, NULL))->err, LODE_OK);
}

Test(core_offers, a_lost_library_is_told_on_so_that_the_next_scheduler_tries_again)
{
    static const char BOTH[] = "more\0/m.so\0util\0/u.so";
    offer_again("util", "/u.so");
    copied(find(CORE_COPY_LIBRARY, 0, 0)->a.cookie, NULL, "no such file");
    cr_assert_not_null(find(CORE_LOG, 0, 0));
    offer("/m.so", "/state/lib/m.so", "more");
    const struct seen *told = find(CORE_OFFERED, 0, 0);
    cr_assert_eq(told->a.size, sizeof BOTH);
    cr_assert_eq(memcmp(told->bytes, BOTH, sizeof BOTH), 0);
}

Test(core_offers, a_file_that_has_another_name_by_now_is_offered_by_that_one)
{
    offer_again("util", "/u.so");
    copied(find(CORE_COPY_LIBRARY, 0, 0)->a.cookie, "/state/lib/u.so", NULL);
    describe("other");
    resolve("other.f");
    cr_assert_eq(((const struct lode_task_resolved *)sent(LODE_TASK_RESOLVED, NULL))->err, LODE_OK);
    resolve("util.f");
    const struct lode_task_resolved *answer = sent(LODE_TASK_RESOLVED, NULL);
    cr_assert_not_null(strstr((const char *)(answer + 1), "calls itself \"other\""));
}

Test(core_offers, whoever_offers_a_name_first_has_it)
{
    offer_again("util", "/u.so");
    uint64_t cookie = find(CORE_COPY_LIBRARY, 0, 0)->a.cookie;
    offer("/new/u.so", "/state/lib/new.so", "util");
    copied(cookie, "/state/lib/old.so", NULL);
    describe("util");
    cr_assert_null(find(CORE_OFFERED, 0, 0), "the newer one stays");
}
