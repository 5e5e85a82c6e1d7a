/* Long work that the loop does in parts. */
#include "tests/unit/store/fake_client.h"

TestSuite(chores, .init = store_setup, .fini = store_teardown, .timeout = 60);

struct counted {
    struct chore chore;
    int left, done;
    int first, last; /* parts: when they were done, counted over all */
};

static int parts_done;

static bool
count_part(struct store *of, struct chore *chore)
{
    struct counted *counted = (struct counted *)chore;
    expect(of == store);
    counted->last = ++parts_done;
    counted->first = counted->done++ == 0 ? counted->last : counted->first;
    return --counted->left <= 0;
}

static void
give(struct counted *counted, int parts)
{
    *counted = (struct counted){.left = parts};
    chores_give(store, &counted->chore, count_part);
}

Test(chores, of_a_turn_are_bounded_and_shared_by_all)
{
    struct counted a, b;
    give(&a, 1000000);
    give(&b, 1000000);
    chores_turn(store);
    expect_lt(0, a.done);
    expect_le(a.done + b.done, CHORE_PARTS_MAX);
    expect_le(b.done, a.done);
    expect_le(a.done, b.done + 1);
    expect(store_has_work(store)); /* the loop does not sleep */
    chores_do_now(store, &a.chore);
    chores_do_now(store, &b.chore);
    expect_eq(a.done + b.done, 2000000);
    expect(!store_has_work(store) || store->freed_room);
}

Test(chores, have_their_parts_done_in_the_order_in_which_they_were_given)
{
    struct counted a = {.left = 2}, b = {.left = 2}, c = {.left = 1};
    chores_give(store, &a.chore, count_part);
    chores_give(store, &b.chore, count_part);
    chores_give(store, &c.chore, count_part);
    while (store->chores.first != NULL) { /* one that loses the CPU ends its turn early */
        chores_turn(store);
    }
    expect_lt(a.first, b.first);
    expect_lt(b.first, c.first);
    expect_lt(c.first, a.last);
    expect_lt(a.last, b.last);
}

/* It takes longer than a turn. */
static bool
slow_part(struct store *of, struct chore *chore)
{
    int64_t until = lode_now_ns() + 2 * STORE_TURN_NS;
    while (lode_now_ns() < until) {
    }
    return count_part(of, chore);
}

/* Waits for the chore that `for_it` names. */
struct waiting {
    struct chore chore;
    const struct counted *for_it;
};

static bool
wait_part(struct store *of, struct chore *chore)
{
    (void)of;
    return ((struct waiting *)chore)->for_it->left <= 0;
}

Test(chores, that_wait_for_a_later_one_do_not_keep_it_from_its_parts_however_many_they_are)
{
    enum { MANY = 2 * CHORE_PARTS_MAX + 2, PARTS = 5 * (MANY + 1) };
    static struct waiting waiting[MANY];
    struct counted later = {.left = 3};
    for (int i = 0; i < MANY; i++) {
        waiting[i].for_it = &later;
        chores_give(store, &waiting[i].chore, wait_part);
    }
    chores_give(store, &later.chore, count_part);
    for (int i = 0; i < PARTS; i++) { /* a turn that loses the CPU has one part */
        store->turn_ns = lode_now_ns();
        chores_turn(store);
    }
    expect_eq(later.done, 3);
    expect(store->chores.first == NULL);
}

Test(chores, that_are_long_have_their_parts_while_short_ones_come_all_the_time)
{
    enum { MANY = 2 * CHORE_PARTS_MAX, TURNS = 100 };
    static struct counted brief[MANY];
    struct counted older;
    int before = parts_done;
    give(&older, 1000000);
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = 0; i < MANY; i++) {
            if (!brief[i].chore.is_given) {
                give(&brief[i], 1);
            }
        }
        store->turn_ns = lode_now_ns();
        chores_turn(store);
    }
    expect_le(parts_done - before, (older.done + 1) * (MANY + 1));
    chores_do_now(store, &older.chore);
    pump();
}

Test(chores, that_are_taken_out_between_two_turns_leave_the_others_their_parts)
{
    struct counted slow[3] = {{.left = 2}, {.left = 2}, {.left = 2}};
    for (int i = 0; i < 3; i++) {
        chores_give(store, &slow[i].chore, slow_part);
    }
    store->turn_ns = lode_now_ns();
    chores_turn(store); /* a part of the first */
    chores_do_now(store, &slow[1].chore);
    chores_do_now(store, &slow[0].chore);
    chores_do_now(store, &slow[2].chore);
    expect(store->chores.first == NULL);
    give(&slow[1], 1);
    chores_turn(store);
    expect_eq(slow[1].done, 1);
    expect(store->chores.first == NULL);
}

Test(chores, whose_parts_take_long_end_a_turn_in_time)
{
    struct counted a = {.left = 3}, b = {.left = 3};
    chores_give(store, &a.chore, slow_part);
    chores_give(store, &b.chore, slow_part);
    store->turn_ns = lode_now_ns();
    chores_turn(store);
    expect_eq(a.done, 1);
    expect_eq(b.done, 0);
    chores_do_now(store, &a.chore);
    chores_do_now(store, &b.chore);
}

Test(chores, given_before_a_mark_are_done_when_it_is_reached_and_later_ones_do_not_matter)
{
    struct counted first, second, later;
    give(&first, 3);
    give(&second, 1);
    uint64_t mark = chores_mark(store);
    give(&later, 1000000);
    chores_do_now(store, &second.chore);
    expect(!chores_reached(store, mark));
    chores_give(store, &first.chore, count_part); /* again: it keeps its place */
    chores_do_now(store, &first.chore);
    expect(chores_reached(store, mark));
    expect(!chores_reached(store, chores_mark(store)));
    chores_do_now(store, &later.chore);
    expect(chores_reached(store, chores_mark(store)));
    give(&first, 1);
    pump();
    expect_eq(first.done, 1);
}
