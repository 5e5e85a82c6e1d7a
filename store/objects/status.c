#include "store/objects/status.h"

#include "api/base/fail.h"
#include "store/state/answers.h"

/* The sets of a session in which something of its promised ids is noted. */
struct noted {
    struct lode_births *born, *dropped;
};

/* The sets to which an id belongs. NULL: its session has ended, or the id is not promised. */
static struct noted
noted_of(const struct store *store, lode_id id)
{
    struct session *session = store_session(store, lode_id_session(id));
    uint64_t top = lode_id_high(id) & 0xffff; /* of the counter */
    bool is_result = lode_id_kind(id) == LODE_ID_RESULT;
    if (session == NULL || !lode_id_is_promised(id) || top != (is_result ? 0 : LODE_ID_RESERVED)) {
        return (struct noted){NULL, NULL};
    }
    return is_result ? (struct noted){&session->births, &session->dropped}
                     : (struct noted){&session->reserved, &session->dropped_reserved};
}

bool
status_was_dropped(const struct store *store, lode_id id)
{
    struct noted noted = noted_of(store, id);
    return noted.dropped != NULL && lode_births_has(noted.dropped, lode_id_low(id));
}

bool
status_note_dropped(struct store *store, lode_id id)
{
    struct noted noted = noted_of(store, id);
    return noted.dropped != NULL && lode_births_note(noted.dropped, lode_id_low(id));
}

static bool
was_born(const struct store *store, lode_id id)
{
    struct noted noted = noted_of(store, id);
    return noted.born != NULL && lode_births_has(noted.born, lode_id_low(id));
}

bool
status_was_made(const struct store *store, lode_id id)
{
    return status_of(store, id, NULL) == LODE_FOUND_SEALED || was_born(store, id);
}

lode_err
status_prepare_made(struct store *store, lode_id id)
{
    struct noted noted = noted_of(store, id);
    return noted.born == NULL || lode_births_prepare(noted.born, lode_id_low(id))
               ? LODE_OK
               : lode_fail_with(LODE_ENOMEM, "no memory to remember that an object was made");
}

void
status_note_made(struct store *store, lode_id id)
{
    struct noted noted = noted_of(store, id);
    if (noted.born == NULL) {
        return;
    }
    if (!lode_births_note(noted.born, lode_id_low(id)) &&
        noted.born->count < LODE_BIRTHS_CHUNKS_MAX) {
        session_cut(store_session(store, lode_id_session(id)),
                    "there is no memory to remember which of its objects were made");
    }
    lode_births_forget(noted.dropped, lode_id_low(id));
}

/* Whether the scheduler has still to say which results of that ended session will come. */
static bool
is_owed(const struct ended *ended, uint64_t number)
{
    return ended->session == number && !ended->is_settled;
}

bool
status_may_come(const struct store *store, lode_id id)
{
    uint64_t number = lode_id_session(id);
    switch (lode_id_kind(id)) {
    case LODE_ID_USER:
    case LODE_ID_NAME:
        return true;
    case LODE_ID_RESULT:
        return number != 0 && !was_born(store, id) &&
               (store_session(store, number) != NULL ||
                is_owed(&store->ended[number % LODE_SESSION_ROWS], number));
    case LODE_ID_PUT:
        return lode_id_is_reserved(id) && !was_born(store, id) &&
               store_session(store, number) != NULL;
    default:
        return false;
    }
}

/*
 * What is sealed was made. So an entry of one of these ids, if there is one, is a draft, or
 * remembers references.
 */
bool
status_all_may_come(const struct store *store, lode_id first, uint64_t count)
{
    struct noted noted = noted_of(store, first); /* its session lives */
    uint64_t low = lode_id_low(first);
    return noted.born != NULL && count > 0 && low <= UINT64_MAX - (count - 1) &&
           lode_births_none(noted.born, low, low + (count - 1));
}

/* Without a scheduler a promise is worth nothing, although the mark may be there for a while. */
static bool
is_promised(const struct store *store, uint32_t entry)
{
    return (store->table.truths[entry].flags & TRUTH_PROMISED) && store->scheduler_count > 0;
}

enum lode_found
status_of(const struct store *store, lode_id id, uint32_t *entry_out)
{
    uint32_t entry;
    if (!table_find(&store->table, id, &entry)) {
        return status_may_come(store, id) ? LODE_FOUND_PENDING : LODE_FOUND_GONE;
    }
    if (entry_is_sealed(&store->table, entry)) {
        if (entry_out != NULL) {
            *entry_out = entry;
        }
        return LODE_FOUND_SEALED;
    }
    bool coming = entry_state(&store->table, entry) == LODE_ENTRY_CREATED ||
                  is_promised(store, entry) || status_may_come(store, id);
    return coming ? LODE_FOUND_PENDING : LODE_FOUND_GONE;
}
