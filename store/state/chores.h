/*
 * chores.h: work whose length clients decide, such as what the end of a session with a million
 * objects takes. A chore is done in parts. chores_turn() ends after about a millisecond
 * (STORE_TURN_NS) or CHORE_PARTS_MAX parts, so the loop serves other sessions between the turns.
 *
 * A request that must see the outcome of the chores given so far keeps a mark, and waits until the
 * mark is reached.
 *
 * Ownership  a chore lies in the memory of what it is about, which must stay until it is done
 */
#ifndef LODE_STORE_STATE_CHORES_H
#define LODE_STORE_STATE_CHORES_H

#include <stdbool.h>
#include <stdint.h>

struct store;
struct chore;

enum {
    CHORE_PART = 256,     /* entries, references, waits or so that one part handles */
    CHORE_LOOKS = 4096,   /* the same, of what is only looked at */
    CHORE_PARTS_MAX = 128 /* of a turn */
};

/* Does one part. True: that was the last one. */
typedef bool chore_fn(struct store *store, struct chore *chore);

struct chore {
    chore_fn *part;
    struct chore *next;
    uint64_t number; /* in the order in which they were given */
    bool is_given;   /* and not done yet */
};

struct chores {
    struct chore *first, **end;
    struct chore **next; /* where the next turn begins; NULL: at the first */
    uint64_t round_end;  /* the number of the last one of this round */
    uint64_t count;      /* of those given so far */
};

void chores_init(struct chores *chores);

/* Has the chore done in the turns to come. Nothing, if it was given before and is not done yet. */
void chores_give(struct store *store, struct chore *chore, chore_fn *part);

/*
 * True if `other` was given before the chore, and is not done. Two chores are enough for a walk
 * that is wanted again and again. One is under way. The other one waits for it, begins after it,
 * and serves all who wanted the walk since.
 */
bool chores_is_behind(const struct chore *chore, const struct chore *other);

/*
 * Does a part of each chore in turn, as long as there is time. The next turn goes on behind the
 * last part. So each has its part, also behind many whose parts only look whether they may begin.
 * A round is of the chores that were given before it began: however many come meanwhile, the old
 * ones have theirs.
 */
void chores_turn(struct store *store);

/* Does all that is left of one chore, at once: for what must not wait, and at the store's end. */
void chores_do_now(struct store *store, struct chore *chore);

/* Reached when all chores that are given now are done. */
uint64_t chores_mark(const struct store *store);
bool chores_reached(const struct store *store, uint64_t mark);

#endif
