#include "api/client/store/create.h"

#include "api/base/fail.h"
#include "api/base/options.h"
#include "api/client/session/process.h"
#include "api/client/session/session.h"
#include "api/client/store/look.h"
#include "api/client/store/reserve.h"

/* ---- what is wanted ----------------------------------------------------------------------- */

static lode_err
check_id(const lode *db, lode_id id)
{
    if (lode_id_none(id) || lode_id_kind(id) == LODE_ID_USER) {
        return LODE_OK;
    }
    if (lode_id_is_reserved(id)) {
        return lode_reserved_check(db, id);
    }
    return lode_fail_with(LODE_EINVAL, "an id of one's own choice comes from lode_id_random() or "
                                       "lode_reserve(); this one was drawn by a session");
}

static lode_err
check_options(const lode_create_options *options)
{
    if (options->object_class != LODE_CLASS_KEEP && options->object_class != LODE_CLASS_CACHE) {
        return lode_fail_with(LODE_EINVAL, "there is no object class %d",
                              (int)options->object_class);
    }
    if (options->array == NULL && options->kind != LODE_KIND_BLOB &&
        options->kind != LODE_KIND_PYTHON) {
        return lode_fail_with(LODE_EINVAL,
                              "kind %d cannot be created: bytes are a blob or Python, and arrays "
                              "are given as one",
                              (int)options->kind);
    }
    if (options->hold_count > 0 && options->holds == NULL) {
        return lode_fail_with(LODE_EINVAL, "hold_count is %zu, and holds is NULL",
                              options->hold_count);
    }
    if (options->hold_count > LODE_STORE_HOLDS_MAX) {
        return lode_fail_with(LODE_EINVAL, "an object holds at most %d references, not %zu",
                              LODE_STORE_HOLDS_MAX, options->hold_count);
    }
    return LODE_OK;
}

lode_err
lode_spec_array(const lode_array *array, struct lode_spec *spec_out)
{
    size_t size;
    LODE_TRY(lode_array_size(array, &size));
    *spec_out =
        (struct lode_spec){.size = size,
                           .kind = LODE_KIND_ARRAY,
                           .array = *array,
                           .ndim = (uint8_t)array->ndim,
                           .flags = lode_array_is_contiguous(array) ? 0 : LODE_ENTRY_STRIDED};
    return LODE_OK;
}

lode_err
lode_spec_make(const lode *db, size_t size_bytes, const lode_create_options *given,
               struct lode_spec *spec_out)
{
    lode_create_options options;
    struct lode_spec spec = {.size = size_bytes};
    if (given == NULL && size_bytes <= INT64_MAX) {
        *spec_out = spec; /* as most puts have it: a blob under a new id, with nothing to check */
        return LODE_OK;
    }
    LODE_TRY(lode_options_read("lode_create_options", given, sizeof options, &options));
    LODE_TRY(check_options(&options));
    LODE_TRY(check_id(db, options.id));
    if (options.array != NULL) {
        LODE_TRY(lode_spec_array(options.array, &spec));
        if (size_bytes != 0 && size_bytes != spec.size) {
            return lode_fail_with(LODE_EINVAL, "the array has %llu bytes, not %zu",
                                  (unsigned long long)spec.size, size_bytes);
        }
    } else {
        spec.kind = options.kind;
    }
    if (spec.size > INT64_MAX) {
        return lode_fail_with(LODE_ETOOBIG, "no object has %zu bytes", size_bytes);
    }
    spec.id = options.id;
    spec.object_class = options.object_class;
    spec.holds = options.holds;
    spec.hold_count = (uint32_t)options.hold_count;
    *spec_out = spec;
    return LODE_OK;
}

void
lode_spec_packet(const struct lode_spec *spec, enum lode_store_msg type, int64_t timeout_ms,
                 struct lode_msg_create *packet_out)
{
    *packet_out = (struct lode_msg_create){.head.type = (uint8_t)type,
                                           .id = spec->id,
                                           .size = spec->size,
                                           .dtype = spec->array.dtype,
                                           .kind = (uint8_t)spec->kind,
                                           .object_class = (uint8_t)spec->object_class,
                                           .ndim = spec->ndim,
                                           .flags = spec->flags,
                                           .timeout_ms = timeout_ms,
                                           .hold_count = spec->hold_count};
    memcpy(packet_out->shape, spec->array.shape, spec->ndim * sizeof(int64_t));
    if (spec->flags & LODE_ENTRY_STRIDED) {
        memcpy(packet_out->strides, spec->array.strides, spec->ndim * sizeof(int64_t));
    }
}

void
lode_spec_made(const struct lode_spec *spec, struct lode_made *made_out)
{
    *made_out = (struct lode_made){
        .id = spec->id,
        .size = spec->size,
        .dtype = spec->array.dtype,
        .kind = (uint8_t)spec->kind,
        .object_class = (uint8_t)spec->object_class,
        .ndim = spec->ndim,
        .flags = spec->flags,
        .carried = lode_made_layout(spec->size, spec->ndim, spec->flags).carried};
}

/* ---- drafts ------------------------------------------------------------------------------- */

/* reserved_ of a draft: the session's serial number, its entry, its generation. */
static void
fill_draft(const lode *db, const struct lode_open_draft *open, void *data, uint64_t size,
           lode_draft *draft_out)
{
    *draft_out = (lode_draft){.data = data,
                              .size = size,
                              .id = open->id,
                              .reserved_ = {db->serial, open->entry, open->generation}};
}

/* Opens the pages that the store has given. An object of no bytes has an address, too. */
static lode_err
open_draft(lode *db, const struct lode_spec *spec, const struct lode_open_draft *open,
           int64_t answer_by, lode_draft *draft_out)
{
    void *bytes;
    LODE_TRY(lode_segments_open(&db->segments, open->extent, open->stored, answer_by, &bytes));
    uint8_t *data = bytes;
    if (spec->flags & LODE_ENTRY_STRIDED) {
        int64_t strides[LODE_MAX_NDIM] = {0};
        memcpy(strides, spec->array.strides, spec->ndim * sizeof(int64_t));
        memcpy(data, strides, sizeof strides);
        data += sizeof strides;
    }
    lode_err err = lode_drafts_add(&db->drafts, open);
    if (err != LODE_OK) {
        (void)!lode_segments_close(&db->segments, open->extent, open->stored);
        return err;
    }
    fill_draft(db, open, data, spec->size, draft_out);
    return LODE_OK;
}

static lode_err
ask_create(lode *db, const struct lode_spec *spec, int64_t timeout_ms, int64_t answer_by,
           const struct lode_hooks *hooks, struct lode_msg_created *created_out)
{
    struct lode_msg_create packet;
    struct lode_reply reply = {.type = LODE_MSG_CREATED,
                               .packet = created_out,
                               .room = sizeof *created_out,
                               .exactly = true,
                               .answer_by = answer_by,
                               .hooks = hooks,
                               .late = LODE_LATE_DRAFT};
    lode_spec_packet(spec, LODE_MSG_CREATE, timeout_ms, &packet);
    lode_err err = lode_store_ask(&db->calls, &packet.head, sizeof packet, spec->holds,
                                  spec->hold_count * sizeof(lode_id), &reply);
    if (err == LODE_ETIMEDOUT && reply.sent) {
        lode_reserved_was_made(db, spec->id); /* the late draft, which is aborted, uses it up */
    }
    if (err == LODE_EFULL && reply.is_interrupted) {
        LODE_TRY(
            lode_hooks_interrupted(hooks)); /* its sentence says why there is no more waiting */
    }
    return err;
}

/*
 * In a worker the store is first asked without patience: only a create that must sleep for room
 * tells the scheduler that its CPU is free, so that the task that makes the room can run. That one
 * can be interrupted, too.
 */
static lode_err
ask_patiently(lode *db, const struct lode_spec *spec, const struct lode_patience *patience,
              struct lode_msg_created *created_out)
{
    int64_t timeout_ms = lode_remaining_ms(patience->deadline);
    int64_t answer_by = lode_patience_for_bytes(patience, spec->size);
    if (timeout_ms == 0 || lode_hooks_in(&db->hooks, LODE_HOOKS_WORKER) == NULL) {
        return ask_create(db, spec, timeout_ms, answer_by, NULL, created_out);
    }
    lode_err err = ask_create(db, spec, 0, answer_by, NULL, created_out);
    if (err == LODE_EFULL) {
        LODE_TRY(lode_hooks_interrupted(&db->hooks));
        lode_hooks_blocked(&db->hooks, LODE_SLEEPS_FOR_ROOM);
        err = ask_create(db, spec, lode_remaining_ms(patience->deadline), answer_by, &db->hooks,
                         created_out);
        lode_hooks_blocked(&db->hooks, LODE_AWAKE);
    }
    return err;
}

/* Room for a draft, whose pages are closed yet. answer_by_out: getting memory may take long. */
static lode_err
make_room(lode *db, const struct lode_spec *spec, bool named, const struct lode_patience *patience,
          struct lode_open_draft *open_out, int64_t *answer_by_out)
{
    struct lode_msg_created created;
    lode_session_note_size(db, spec->id, spec->size);
    LODE_TRY(ask_patiently(db, spec, patience, &created));
    *answer_by_out = lode_patience_anew(patience);
    *open_out = (struct lode_open_draft){.entry = created.entry,
                                         .generation = created.generation,
                                         .extent = created.extent,
                                         .stored = lode_made_stored(spec->size, spec->flags),
                                         .named = named,
                                         .id = spec->id};
    return LODE_OK;
}

static lode_err
create_spec(lode *db, const struct lode_spec *spec, bool named,
            const struct lode_patience *patience, lode_draft *draft_out)
{
    struct lode_open_draft open;
    int64_t answer_by;
    LODE_TRY(make_room(db, spec, named, patience, &open, &answer_by));
    lode_err err = open_draft(db, spec, &open, answer_by, draft_out);
    if (err != LODE_OK) {
        lode_draft_abort(db, &open, answer_by);
    }
    return err;
}

lode_err
lode_create_filled(lode *db, const struct lode_spec *spec, const void *data, bool named,
                   const struct lode_patience *patience, struct lode_open_draft *open_out)
{
    struct lode_open_draft open;
    int64_t answer_by, strides[LODE_MAX_NDIM] = {0};
    LODE_TRY(make_room(db, spec, named, patience, &open, &answer_by));
    memcpy(strides, spec->array.strides, spec->ndim * sizeof(int64_t));
    const struct iovec parts[] = {
        {.iov_base = strides, .iov_len = spec->flags & LODE_ENTRY_STRIDED ? sizeof strides : 0},
        {.iov_base = (void *)(uintptr_t)data, .iov_len = spec->size}};
    lode_err err = lode_segments_fill(&db->segments, open.extent, open.stored, parts, 2, answer_by);
    if (err != LODE_OK) {
        lode_draft_abort(db, &open, answer_by);
        return err;
    }
    *open_out = open;
    return LODE_OK;
}

lode_err
lode_draft_close(lode *db, lode_draft *draft, struct lode_open_draft *open_out)
{
    uint64_t entry = draft->reserved_[1], generation = draft->reserved_[2];
    *draft = (lode_draft){0};
    LODE_TRY(lode_drafts_take(&db->drafts, (uint32_t)entry, generation, open_out));
    lode_err err = lode_segments_close(&db->segments, open_out->extent, open_out->stored);
    if (err != LODE_OK) {
        lode_draft_abort(db, open_out, lode_answer_by());
    }
    return err;
}

lode_err
lode_draft_seal(lode *db, const struct lode_open_draft *open, int64_t answer_by)
{
    struct lode_msg_draft msg = {
        .head.type = LODE_MSG_SEAL, .entry = open->entry, .generation = open->generation};
    struct lode_reply reply = {.type = LODE_MSG_OK,
                               .answer_by = answer_by,
                               .late = lode_late_object(open->id),
                               .late_id = open->id};
    lode_err err = lode_store_ask(&db->calls, &msg.head, sizeof msg, NULL, 0, &reply);
    if (err == LODE_OK || (err == LODE_ETIMEDOUT && reply.sent)) {
        lode_reserved_was_made(db, open->id);
    } else if (err == LODE_ETIMEDOUT) {
        lode_draft_abort(db, open, answer_by);
    }
    return err;
}

void
lode_draft_abort(lode *db, const struct lode_open_draft *open, int64_t answer_by)
{
    lode_reserved_was_made(db, open->id); /* or was not: it is used up */
    lode_store_tell_abort(&db->calls.socket, open->entry, open->generation, answer_by);
}

/* ---- the public calls --------------------------------------------------------------------- */

static void
name_spec(lode *db, struct lode_spec *spec)
{
    if (lode_id_none(spec->id)) {
        spec->id = lode_session_draw(db, LODE_ID_PUT, 1);
    }
}

static lode_err
create_named(lode *db, struct lode_spec *spec, int64_t timeout_ms, lode_draft *draft_out)
{
    struct lode_patience patience = lode_patience_of(timeout_ms);
    name_spec(db, spec);
    LODE_TRY(create_spec(db, spec, true, &patience, draft_out));
    lode_hooks_drafted(&db->hooks, draft_out, true);
    return LODE_OK;
}

lode_err
lode_create(lode *db, size_t size_bytes, const lode_create_options *options, int64_t timeout_ms,
            lode_draft *draft_out)
{
    struct lode_spec spec;
    LODE_TRY(lode_session_check(db));
    LODE_NEED("lode_create", draft_out);
    LODE_TRY(lode_spec_make(db, size_bytes, options, &spec));
    return create_named(db, &spec, timeout_ms, draft_out);
}

lode_err
lode_create_array(lode *db, const lode_array *array, int64_t timeout_ms, lode_draft *draft_out)
{
    struct lode_spec spec;
    LODE_TRY(lode_session_check(db));
    LODE_NEED("lode_create_array", draft_out);
    LODE_TRY(lode_spec_array(array, &spec));
    return create_named(db, &spec, timeout_ms, draft_out);
}

lode_err
lode_result_draft(lode *db, const lode_array *array, size_t size_bytes, lode_kind kind,
                  int64_t timeout_ms, lode_draft *draft_out)
{
    struct lode_spec spec = {.size = size_bytes, .kind = kind};
    struct lode_patience patience = lode_patience_of(timeout_ms);
    patience.answer_by = LODE_NEVER;
    LODE_TRY(lode_session_check(db));
    if (array != NULL) {
        LODE_TRY(lode_spec_array(array, &spec));
    }
    return create_spec(db, &spec, false, &patience, draft_out);
}

/* The session of a draft. The draft may be a copy of one that was ended, and its session closed. */
static lode_err
session_of(const lode_draft *draft, lode **db_out)
{
    if (draft == NULL || draft->reserved_[0] == 0) {
        return lode_fail_with(LODE_EINVAL, "the draft is not open: lode_create() gives one");
    }
    lode *db = lode_process_find(draft->reserved_[0]);
    if (db == NULL) {
        return lode_fail_with(lode_process_is_child() ? LODE_EFORKED : LODE_ECLOSED,
                              "the draft's session is closed, or the parent process' own");
    }
    *db_out = db;
    return LODE_OK;
}

/* The hooks hear of it before the store does. */
static lode_err
end_draft(lode *db, lode_draft *draft, struct lode_open_draft *open_out)
{
    lode_draft ended = *draft;
    *open_out = (struct lode_open_draft){0};
    lode_err err = lode_draft_close(db, draft, open_out);
    if (open_out->named) {
        lode_hooks_drafted(&db->hooks, &ended, false);
    }
    return err;
}

lode_err
lode_seal(lode_draft *draft, lode_id *id_out)
{
    lode *db;
    struct lode_open_draft open;
    LODE_TRY(session_of(draft, &db));
    LODE_TRY(end_draft(db, draft, &open));
    if (!open.named) {
        lode_draft_abort(db, &open, lode_answer_by());
        return lode_fail_with(LODE_EINVAL, "a task's result is sealed when the task returns");
    }
    LODE_TRY(lode_draft_seal(db, &open, lode_answer_by()));
    lode_note_made(db, open.id);
    if (id_out != NULL) {
        *id_out = open.id;
    }
    return LODE_OK;
}

void
lode_abort(lode_draft *draft)
{
    lode *db;
    struct lode_open_draft open;
    if (draft == NULL || draft->reserved_[0] == 0 || session_of(draft, &db) != LODE_OK) {
        return;
    }
    if (end_draft(db, draft, &open) == LODE_OK) {
        lode_draft_abort(db, &open, lode_answer_by());
    }
}
