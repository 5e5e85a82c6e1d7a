#include "api/client/context/commit.h"

#include "api/base/assert.h"
#include "api/base/fail.h"
#include "api/client/channel/ring_wait.h"
#include "api/client/session/session.h"
#include "api/client/store/create.h"
#include "api/client/store/put_packet.h"

#include <stdlib.h>
#include <string.h>

/*
 * A commit is one record. Values ride in it while the record has room for them and for all structs,
 * and the session has credit for them. Values that do not fit are copied into drafts first. Drafts
 * are closed (write-protected) before the record is published, since the store may seal them at
 * once. Where no credit comes, values go to the store in packets, and become drafts there.
 */
struct part {
    struct lode_spec spec; /* of a value */
    struct lode_made made;
    const void *data;
    bool has_draft;
    struct lode_open_draft open;
};

enum {
    PARTS_ON_STACK = 4, /* most tasks have one result */
    PAGES_SURE = 16     /* on demand: the store has them soon unless it is all but full */
};

struct commit {
    lode *db;
    struct part *parts;
    uint32_t count;
    uint64_t pages_most; /* more might never be granted at once; 0: nobody has asked yet */
    struct lode_patience patience;
    struct lode_ring_need need;
};

static lode_err
spec_of(const struct lode_result *result, struct lode_spec *spec_out)
{
    if (result->array != NULL && result->array->ndim == 0 &&
        lode_dtype_size(result->array->dtype) != 0) { /* the part was cleared: no axes */
        spec_out->size = lode_dtype_size(result->array->dtype);
        spec_out->kind = LODE_KIND_ARRAY;
        spec_out->array.dtype = result->array->dtype;
    } else if (result->array != NULL) {
        LODE_TRY(lode_spec_array(result->array, spec_out));
    } else {
        *spec_out = (struct lode_spec){.size = result->size, .kind = result->kind};
    }
    if (spec_out->size != result->size) {
        return lode_fail_with(LODE_EINVAL, "a result has %zu bytes, its array %llu", result->size,
                              (unsigned long long)spec_out->size);
    }
    spec_out->id = result->id;
    return LODE_OK;
}

static void
use_draft(struct part *part, lode_id id, uint64_t size)
{
    part->has_draft = true;
    part->made = (struct lode_made){
        .id = id, .size = size, .draft = part->open.entry + 1, .generation = part->open.generation};
}

/* A value too large for the record: copied into a draft of its own. */
static lode_err
move_to_draft(struct commit *c, struct part *part)
{
    lode_id id = part->spec.id;
    part->spec.id = (lode_id){{0}};
    LODE_TRY(lode_create_filled(c->db, &part->spec, part->data, false, &c->patience, &part->open));
    use_draft(part, id, part->spec.size);
    return LODE_OK;
}

static lode_err
add_draft(struct commit *c, struct part *part, struct lode_result *result)
{
    lode_draft *draft = result->draft;
    if (draft->reserved_[0] != c->db->serial) {
        return lode_fail_with(LODE_EINVAL, "a result's draft is another session's, or not open");
    }
    uint64_t size = draft->size;
    LODE_TRY(lode_draft_close(c->db, draft, &part->open));
    use_draft(part, result->id, size);
    return LODE_OK;
}

/*
 * Bounded by the credit that the session has now. It may be gone when the record is written:
 * another thread has spent it, or the store has recalled it, and may have no room to grant as much
 * again. Then the values go by packets, one after the other (publish_patiently()).
 *
 * To ask takes the ring's lock. A task whose results lie in their entries need not.
 */
static bool
are_too_many_pages(struct commit *c, uint32_t pages)
{
    if (pages == 0) {
        return false;
    }
    if (c->pages_most == 0) {
        uint64_t credit = lode_ring_pages(&c->db->ring);
        c->pages_most = credit > PAGES_SURE ? credit : PAGES_SURE;
    }
    return c->need.pages + pages > c->pages_most;
}

static lode_err
add_value(struct commit *c, struct part *part, const struct lode_result *result)
{
    uint32_t structs = (uint32_t)(sizeof(struct lode_record) + sizeof(struct lode_commit) +
                                  c->count * sizeof(struct lode_made));
    LODE_TRY(spec_of(result, &part->spec));
    part->data = result->data;
    if (part->spec.size > LODE_RING_PUT_MAX) {
        return move_to_draft(c, part);
    }
    lode_spec_made(&part->spec, &part->made);
    uint32_t pages = lode_made_pages(part->spec.size, part->spec.ndim, part->spec.flags);
    if (structs + c->need.size + part->made.carried > LODE_RECORD_MAX ||
        are_too_many_pages(c, pages)) {
        return move_to_draft(c, part);
    }
    c->need.size += part->made.carried;
    c->need.pages += pages;
    c->need.entries++;
    return LODE_OK;
}

/* Until the end of this, need.size counts what is carried. */
static lode_err
add_parts(struct commit *c, struct lode_result *results)
{
    for (uint32_t i = 0; i < c->count; i++) {
        LODE_TRY(results[i].draft != NULL ? add_draft(c, &c->parts[i], &results[i])
                                          : add_value(c, &c->parts[i], &results[i]));
    }
    c->need.size += (uint32_t)(sizeof(struct lode_record) + sizeof(struct lode_commit) +
                               c->count * sizeof(struct lode_made));
    return LODE_OK;
}

/* Returns where the record ends. */
static uint8_t *
write_parts(const struct commit *c, uint64_t task, void *body)
{
    struct lode_commit head = {.count = c->count, .task = task};
    uint8_t *at = body;
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct part *part = &c->parts[i];
        if (part->has_draft) {
            memcpy(at, &part->made, sizeof part->made);
            at += sizeof part->made;
        } else {
            at = lode_made_write(at, &part->made, part->spec.array.shape, part->spec.array.strides,
                                 part->data);
        }
    }
    return at;
}

/* LODE_EAGAIN: no credit came in time. */
static lode_err
publish(struct commit *c, uint64_t task, const struct lode_result *results, int64_t deadline)
{
    void *body;
    struct lode_patience until = c->patience;
    until.deadline = deadline;
    LODE_TRY(lode_ring_reserve(&c->db->ring, LODE_RECORD_COMMIT, &c->need, &until, &body));
    uint8_t *end = write_parts(c, task, body);
    LODE_DEBUG_ASSERT(end == (uint8_t *)body - sizeof(struct lode_record) + c->need.size);
    (void)end;
    lode_ring_publish(&c->db->ring, &c->need, &results[0].id, c->count, sizeof results[0], false);
    return LODE_OK;
}

/* The record no longer carries the value, and needs that much less. */
static lode_err
send_value(struct commit *c, struct part *part)
{
    struct lode_msg_created created;
    struct lode_spec spec = part->spec;
    uint32_t pages = lode_made_pages(spec.size, spec.ndim, spec.flags);
    uint32_t carried = part->made.carried;
    spec.id = (lode_id){{0}};
    LODE_TRY(lode_put_packet(c->db, &spec, part->data, 0, c->patience.answer_by, &created));
    part->open = (struct lode_open_draft){.entry = created.entry, .generation = created.generation};
    use_draft(part, part->spec.id, spec.size);
    c->need.size -= carried;
    c->need.pages -= pages;
    c->need.entries--;
    return LODE_OK;
}

/* Sends one value after the other, as far as there is room. Errors: of the first without room. */
static lode_err
send_values(struct commit *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (!c->parts[i].has_draft) {
            LODE_TRY(send_value(c, &c->parts[i]));
        }
    }
    return LODE_OK;
}

/* There was no credit at once. The ring and packets are tried in turn (ring_wait.h). */
static lode_err
publish_patiently(struct commit *c, uint64_t task, const struct lode_result *results)
{
    struct lode_ring_wait wait;
    bool by_packet = false;
    lode_err err;
    lode_ring_wait_begin(&wait, &c->db->ring, &c->db->hooks, &c->need, c->patience.deadline);
    do {
        err = publish(c, task, results, wait.until);
        if (err == LODE_EAGAIN) {
            err = send_values(c);
            lode_ring_wait_needs(&wait, &c->need);
            by_packet = err == LODE_OK;
        }
    } while ((err == LODE_EFULL || err == LODE_ELIMIT) && lode_ring_wait_again(&wait));
    lode_ring_wait_end(&wait, by_packet);
    if (wait.err != LODE_OK) {
        return wait.err;
    }
    return by_packet ? publish(c, task, results, LODE_NEVER) : err;
}

/*
 * Only what publish() says may lead to publish_patiently(). The store, too, may answer LODE_EAGAIN,
 * when add_parts() asks it for room. Then not all parts are there, and `need` is not that of a
 * record.
 */
static lode_err
commit(struct commit *c, uint64_t task, struct lode_result *results)
{
    LODE_TRY(add_parts(c, results));
    lode_err err = publish(c, task, results, 0);
    return err == LODE_EAGAIN ? publish_patiently(c, task, results) : err;
}

/* Nothing was published. Ends the drafts that the commit has closed, and those that it has not. */
static void
give_up(struct commit *c, struct lode_result *results)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->parts[i].has_draft) {
            lode_draft_abort(c->db, &c->parts[i].open, lode_answer_by());
        }
        if (results[i].draft != NULL) {
            lode_abort(results[i].draft);
        }
    }
}

lode_err
lode_ring_commit(lode *db, uint64_t task, struct lode_result *results, uint32_t count,
                 int64_t timeout_ms)
{
    LODE_TRY(lode_session_check(db));
    if (count == 0 || count > 1024) {
        return lode_fail_with(LODE_EINVAL, "a task commits 1 to 1024 results, not %u",
                              (unsigned)count);
    }
    struct part few[PARTS_ON_STACK];
    bool is_few = count <= PARTS_ON_STACK;
    struct commit c = {.db = db,
                       .count = count,
                       .patience = lode_patience_of(timeout_ms),
                       .parts = is_few ? few : calloc(count, sizeof *c.parts)};
    /* Results must not fail because the store was stopped for a while. */
    c.patience.answer_by = LODE_NEVER;
    if (c.parts == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory to commit %u results", (unsigned)count);
    }
    if (is_few) {
        memset(few, 0, count * sizeof few[0]);
    }
    lode_err err = commit(&c, task, results);
    if (err != LODE_OK) {
        give_up(&c, results);
    }
    if (!is_few) {
        free(c.parts);
    }
    return err;
}
