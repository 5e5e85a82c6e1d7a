/*
 * doze.h: sessions at which the store need not look. A session that does nothing for DOZE_AFTER_NS
 * dozes: no drain of all rings and no scan of pins looks at it until it wakes. So what a put costs
 * depends on the sessions that do something, and not on how many there are.
 *
 *   AWAKE --doze_settle()--> DOZES --doze_hear(), doze_wake()--> AWAKE
 *
 *   AWAKE: the session stands in store->awake, which the walks go along.
 *   DOZES: its row says so (LODE_ROW_DOZES). Its ring was empty, and its pins were copied, after
 *   the row said so. The store's second epoll watches its doorbell.
 *
 * The client (api/client/store/get.c, api/client/channel/ring.c) publishes a record or writes a
 * pin, fences, and reads its row. If the row says that the session dozes, the client rings. After a
 * pin it looks at the entry's word once more in any case, and if it rang, it fences before that.
 * The store hears: it asks the second epoll which bells were rung, and wakes those sessions. So:
 *
 *   a record  The client rings before the call returns. Whatever follows from the call, such as a
 *             pin that is cleared or a question of another client, comes after the ring. A drain
 *             that must see the record hears first, and so finds the session awake.
 *   a pin     The store marks DOOMED, fences, and hears; the client rings, fences, and reads the
 *             word. One of the two fences comes first. Either the store hears the ring, and the
 *             session is awake for the scan; or the client sees that the entry is DOOMED, and does
 *             not rely on the pin.
 *   to doze   The store writes the row, fences, and looks at ring and pins. Either it sees what the
 *             client wrote, and the session stays awake; or the client sees the row.
 *   to wake   A session wakes, say by the ring of one thread, just when another one has pinned an
 *             entry, and has not read the row yet. It will read that the session is awake, and not
 *             ring, though no batch has seen its pin. But it reads the entry's word after the row.
 *             If a batch has marked the entry by then, the word has changed, and the thread does
 *             not rely on the pin. A batch that marks it later finds the session awake, with the
 *             pin; or dozing again, with a copy of it.
 *
 * A dozing session keeps the entries that it had pinned: store->kept counts them by entry, and an
 * entry that is kept counts as pinned. The client may have cleared the pin since, without a word.
 * So a batch that finds victims kept wakes the sessions that keep them, and looks again.
 *
 * No session begins to doze while a batch of freeing is under way. One may wake in each phase, by
 * its ring, a packet, its end, or the batch itself:
 *
 *   to JUDGE    The walk may have passed the place where the session stands now, so the scan may
 *               miss it. The pins that it kept count as if the scan had found them.
 *   WAKE        All is decided: an entry that was believed to be pinned is WANTED, and who clears
 *               its pin from now on says so. No copy is believed any more: the pin may have been
 *               cleared before that, without a word. The batch wakes all that keep such an entry.
 *               That takes many parts. Others wake by themselves meanwhile, and nobody comes to
 *               keep one.
 *   LOOK_AGAIN  Begins after the last of them was woken, with the fences and another look at the
 *               bells. So the scan finds all pins as they are. Should it miss one, of a client that
 *               has not rung yet, nothing is lost: the entry is a candidate, and the next batch
 *               marks it, fences, and hears before it is freed.
 *
 * Only those doze that said LODE_HELLO_RINGS. A client that says so and does not ring harms itself:
 * its records wait until it rings or ends, and what it reads may be of another object by then. The
 * bit itself stands in the index, which no client can write. A client that dies between its record
 * and the ring has told nobody of the record; the end of its session drains the ring.
 */
#ifndef LODE_STORE_STATE_DOZE_H
#define LODE_STORE_STATE_DOZE_H

#include "store/state/store.h"

enum {
    DOZE_AFTER_NS = 10000000,
    DOZE_IN_VAIN_NS = 1000000000, /* one that has too many pins to doze is looked at again then */
    DOZE_LOOK_NS = 1000000,       /* between looks for sessions that may doze */
    DOZE_AT_ONCE = 64,            /* sessions that one look lets doze */
    DOZE_PINS_MAX = 1024,         /* pins of a session that may doze */
    DOZE_SLOTS_MAX = 8 << 10,     /* slots in use of one that may, and of all that one look lets */
    DOZE_NOT_AWAKE = UINT32_MAX
};

/* Errors: LODE_ESYS. */
LODE_MUST_CHECK lode_err doze_open(struct store *store);
void doze_close(struct store *store);

/* A new session is awake. A session that is freed leaves the list: it must be awake. */
void doze_begin(struct store *store, struct session *session);
void doze_end(struct store *store, struct session *session);

/* Its ring or its pins have changed, so it does not doze for a while. */
static inline void
doze_stir(struct session *session, int64_t now_ns)
{
    session->stirred_ns = now_ns;
}

/*
 * Wakes the sessions whose bell was rung, in one go, and looks at what each of them kept. Costs
 * nothing while no session dozes.
 */
void doze_hear(struct store *store);

/*
 * The same for a question that a client asked: whatever it may rely on was rung before the store
 * received it. So one look is enough for all questions since the store last received something
 * (doze_may_have_rung()).
 */
void doze_hear_once(struct store *store);
static inline void
doze_may_have_rung(struct store *store)
{
    store->has_heard = false;
}

/* Wakes a session, if it dozes. */
void doze_wake(struct store *store, struct session *session);

/* Whether a dozing session had the entry pinned. */
static inline bool
doze_keeps(const struct store *store, uint32_t entry)
{
    return store->kept_count > 0 && store->kept[entry] > 0;
}

/*
 * Wakes the sessions that keep an entry with TRUTH_SCANNED, in parts: those before `*left`, which
 * begins with store->keeper_count, and about `*most` kept pins, from which is subtracted what was
 * looked at. True: that was the last part. A batch of freeing must be under way from the first part
 * to the last: so nobody begins to doze between them.
 */
bool doze_wake_keepers(struct store *store, uint32_t *left, uint32_t *most);

/* Lets sessions doze that were quiet for long enough. No batch of freeing may be under way. */
void doze_settle(struct store *store);

#endif
