/* The calls that need the store alone, and those that need nothing: see calls.h. */
#include "tests/starve/calls.h"
#include "tests/support/check.h"

#include <string.h>

static char bytes[LARGE];

/* ---- making --------------------------------------------------------------------------------- */

/* What was made can be had, and has the right size. */
static lode_err
made(struct round *r, size_t size)
{
    lode_view view;
    lode_err err = lode_get(r->db, r->made[0], 10000, &view);
    if (err == LODE_OK) {
        expect_eq(view.size, size);
        expect(memcmp(view.data, bytes, size) == 0);
        lode_release(&view);
    }
    return err;
}

static lode_err
do_put_small(struct round *r)
{
    return lode_put(r->db, bytes, SMALL, 0, &r->made[0]);
}

static lode_err
do_put_large(struct round *r)
{
    return lode_put(r->db, bytes, LARGE, 0, &r->made[0]);
}

/* With references, and under an id of the caller's choice. */
static lode_err
do_put_with(struct round *r)
{
    const lode_create_options options = {
        .struct_size = sizeof options, .id = r->absent, .holds = r->ids, .hold_count = 2};
    return lode_put_with(r->db, bytes, SMALL, &options, 0, &r->made[0]);
}

static lode_err
do_put_array(struct round *r)
{
    const lode_array array = {.dtype = LODE_U8, .ndim = 2, .shape = {300, 1000}};
    return lode_put_array(r->db, &array, bytes, 0, &r->made[0]);
}

/* More objects than a ring takes at once. */
static lode_err
do_put_many(struct round *r)
{
    enum { MANY = 300 };
    for (int i = 0; i < MANY; i++) {
        lode_err err = lode_put(r->db, bytes, SMALL, 0, &r->made[0]);
        if (err != LODE_OK) {
            return err;
        }
        lode_drop(r->db, r->made[0]);
    }
    r->made[0] = (lode_id){{0}};
    return LODE_OK;
}

static lode_err
do_put_and_get(struct round *r)
{
    lode_err err = lode_put(r->db, bytes, LARGE, 0, &r->made[0]);
    return err == LODE_OK ? made(r, LARGE) : err;
}

static lode_err
do_create_and_abort(struct round *r)
{
    lode_err err = lode_create(r->db, LARGE, NULL, 0, &r->draft);
    if (err == LODE_OK) {
        lode_abort(&r->draft);
    }
    return err;
}

/* A draft that is left to lode_close(). */
static lode_err
do_create(struct round *r)
{
    return lode_create(r->db, LARGE, NULL, 0, &r->draft);
}

static lode_err
do_create_and_seal(struct round *r)
{
    const lode_array array = {.dtype = LODE_U8, .ndim = 1, .shape = {LARGE}};
    lode_err err = lode_create_array(r->db, &array, 0, &r->draft);
    if (err == LODE_OK) {
        memcpy(r->draft.data, bytes, LARGE);
        err = lode_seal(&r->draft, &r->made[0]);
    }
    return err;
}

static lode_err
do_reserve(struct round *r)
{
    lode_id ids[4];
    lode_err err = lode_reserve(r->db, 4, ids);
    if (err != LODE_OK) {
        return err;
    }
    const lode_create_options options = {.struct_size = sizeof options, .id = ids[1]};
    return lode_put_with(r->db, bytes, SMALL, &options, 0, &r->made[0]);
}

/* ---- reading -------------------------------------------------------------------------------- */

static lode_err
do_get_small(struct round *r)
{
    return lode_get(r->db, r->ids[0], 0, &r->views[0]);
}

static lode_err
do_get_large(struct round *r)
{
    return lode_get(r->db, r->ids[1], 0, &r->views[0]);
}

static lode_err
do_get_many(struct round *r)
{
    return lode_get_many(r->db, r->ids, 2, 0, r->views);
}

static lode_err
do_get_number(struct round *r)
{
    double f64;
    int64_t i64;
    const lode_array real = {.dtype = LODE_F64}, whole = {.dtype = LODE_I64};
    lode_err err = lode_put_array(r->db, &real, bytes, 0, &r->made[0]);
    if (err == LODE_OK) {
        err = lode_put_array(r->db, &whole, bytes, 0, &r->made[1]);
    }
    if (err == LODE_OK) {
        err = lode_get_f64(r->db, r->made[0], 1000, &f64);
    }
    return err == LODE_OK ? lode_get_i64(r->db, r->made[1], 1000, &i64) : err;
}

static lode_err
timed_out_is_ok(lode_err err)
{
    return err == LODE_ETIMEDOUT ? LODE_OK : err;
}

/* One that is not there: it is waited for. */
static lode_err
do_get_absent(struct round *r)
{
    return timed_out_is_ok(lode_get(r->db, r->absent, 1, &r->views[0]));
}

static lode_err
do_wait(struct round *r)
{
    lode_id ids[] = {r->ids[0], r->absent, r->ids[1]};
    return timed_out_is_ok(lode_wait(r->db, ids, 3, 3, 1, NULL, NULL));
}

/* More than one message takes. */
static lode_err
do_wait_many(struct round *r)
{
    enum { MANY = 200 };
    lode_id ids[MANY];
    for (int i = 0; i < MANY; i++) {
        must(lode_id_random(&ids[i]));
    }
    return timed_out_is_ok(lode_wait(r->db, ids, MANY, MANY, 1, NULL, NULL));
}

/* A set is left as it was found, whatever fails: its end needs nothing. */
static lode_err
use_waitset(struct round *r, lode_waitset *set)
{
    lode_id ids[] = {r->ids[0], r->absent, r->ids[1]}, taken[3];
    size_t count = 0;
    int fd = -1;
    LODE_TRY(lode_waitset_add(set, ids, 3));
    LODE_TRY(lode_waitset_fd(set, &fd));
    LODE_TRY(lode_waitset_take(set, 1, taken, 3, &count));
    expect(count > 0 && fd >= 0);
    LODE_TRY(timed_out_is_ok(lode_waitset_take(set, 1, taken, 3, &count)));
    return lode_waitset_remove(set, &r->absent, 1);
}

static lode_err
do_waitset(struct round *r)
{
    lode_waitset *set;
    lode_err err = lode_waitset_open(r->db, &set);
    if (err == LODE_OK) {
        err = use_waitset(r, set);
        lode_waitset_close(set);
    }
    return err;
}

static lode_err
do_keep_and_drop(struct round *r)
{
    lode_err err = lode_keep(r->db, r->ids[0]);
    if (err == LODE_OK) {
        lode_drop(r->db, r->ids[0]);
    }
    return err;
}

/* Of an id that does not exist yet: the session remembers it. */
static lode_err
do_keep_absent(struct round *r)
{
    lode_err err = lode_keep(r->db, r->absent);
    if (err == LODE_OK) {
        lode_drop(r->db, r->absent);
    }
    return err;
}

static lode_err
do_contains(struct round *r)
{
    bool there = false;
    lode_err err = lode_contains(r->db, r->ids[1], &there);
    expect(err != LODE_OK || there);
    return err;
}

static lode_err
do_stat(struct round *r)
{
    lode_object_info info;
    return lode_stat(r->db, r->ids[1], &info);
}

static bool
see_object(const lode_object_info *info, void *arg)
{
    (void)info;
    ++*(int *)arg;
    return true;
}

static lode_err
do_list(struct round *r)
{
    int count = 0;
    lode_err err = lode_list(r->db, see_object, &count);
    expect(err != LODE_OK || count >= 2);
    return err;
}

static lode_err
do_failure(struct round *r)
{
    lode_failure_info failure;
    lode_err err = lode_failure(r->db, r->ids[0], &failure);
    return err == LODE_EINVAL ? LODE_OK : err;
}

static lode_err
do_store_stats(struct round *r)
{
    lode_store_stats stats;
    return lode_get_store_stats(r->db, &stats);
}

static lode_err
do_delete(struct round *r)
{
    lode_err err = lode_put(r->db, bytes, LARGE, 0, &r->made[0]);
    return err == LODE_OK ? lode_delete(r->db, r->made[0]) : err;
}

/* ---- names ---------------------------------------------------------------------------------- */

static lode_err
do_name_set(struct round *r)
{
    return lode_name_set(r->db, "space", r->name, r->ids[1], LODE_NAME_REPLACE);
}

static lode_err
do_name_lookup(struct round *r)
{
    return lode_name_lookup(r->db, NULL, "large", 0, &r->made[0]);
}

/* One that nobody has set: it is waited for. */
static lode_err
do_name_lookup_absent(struct round *r)
{
    lode_err err = timed_out_is_ok(lode_name_lookup(r->db, NULL, "absent", 1, &r->made[0]));
    return err == LODE_ENOTFOUND ? LODE_OK : err;
}

static lode_err
do_name_get(struct round *r)
{
    return lode_name_get(r->db, NULL, "large", 0, &r->views[0]);
}

static lode_err
do_name_wait(struct round *r)
{
    uint64_t version;
    lode_err err = lode_name_wait(r->db, NULL, "large", 0, 0, &r->views[0], &version);
    return err != LODE_OK
               ? err
               : timed_out_is_ok(lode_name_wait(r->db, NULL, "large", version, 1, NULL, NULL));
}

static lode_err
do_drop_many(struct round *r)
{
    const lode_id none[2] = {{{0}}};
    lode_drop_many(r->db, none, 2);
    return LODE_OK;
}

static bool
see_name(const char *space, const char *name, lode_id id, void *arg)
{
    (void)space, (void)id;
    *(bool *)arg |= strcmp(name, "large") == 0;
    return true;
}

static lode_err
do_name_list(struct round *r)
{
    bool seen = false;
    lode_err err = lode_name_list(r->db, NULL, see_name, &seen);
    expect(err != LODE_OK || seen);
    return err;
}

static lode_err
do_name_remove(struct round *r)
{
    lode_err err = lode_name_set(r->db, "space", "short", r->ids[0], LODE_NAME_REPLACE);
    return err == LODE_OK ? lode_name_remove(r->db, "space", "short") : err;
}

/* ---- what needs no session ------------------------------------------------------------------ */

static lode_err
do_ids(struct round *r)
{
    char text[LODE_ID_TEXT_SIZE];
    lode_id id, same;
    (void)r;
    must(lode_id_random(&id));
    lode_id_format(id, text);
    must(lode_id_parse(text, &same));
    expect(lode_id_equal(id, same) && !lode_id_is_zero(id));
    return LODE_OK;
}

static lode_err
do_arrays(struct round *r)
{
    lode_array array = {.dtype = LODE_F32, .ndim = 2, .shape = {3, 4}};
    lode_dtype dtype;
    size_t size;
    (void)r;
    must(lode_array_size(&array, &size));
    lode_array_fill_strides(&array);
    expect(lode_array_is_contiguous(&array));
    expect_eq(size, (size_t)lode_array_count(&array) * lode_dtype_size(array.dtype));
    must(lode_dtype_parse(lode_dtype_name(LODE_F32), &dtype));
    return LODE_OK;
}

static lode_err
do_words(struct round *r)
{
    expect(lode_err_name(LODE_EFULL) != NULL && lode_err_text(LODE_EFULL) != NULL &&
           lode_err_advice(LODE_EFULL) != NULL && lode_version() != NULL);
    expect_text(lode_cluster_dir(r->db), "/");
    return LODE_OK;
}

static lode_err
do_close(struct round *r)
{
    lode_close(r->db);
    r->db = NULL;
    return LODE_OK;
}

#define CALL(what)                                                                                 \
    {                                                                                              \
#what, do_##what                                                                           \
    }
const struct call store_calls[] = {
    CALL(put_small),
    CALL(put_large),
    CALL(put_with),
    CALL(put_array),
    CALL(put_many),
    CALL(put_and_get),
    CALL(create),
    CALL(create_and_abort),
    CALL(create_and_seal),
    CALL(reserve),
    CALL(get_small),
    CALL(get_large),
    CALL(get_many),
    CALL(get_number),
    CALL(get_absent),
    CALL(wait),
    CALL(wait_many),
    CALL(waitset),
    CALL(keep_and_drop),
    CALL(keep_absent),
    CALL(contains),
    CALL(stat),
    CALL(list),
    CALL(failure),
    CALL(store_stats),
    CALL(delete),
    CALL(name_set),
    CALL(name_lookup),
    CALL(name_lookup_absent),
    CALL(name_get),
    CALL(name_wait),
    CALL(drop_many),
    CALL(name_list),
    CALL(name_remove),
    CALL(ids),
    CALL(arrays),
    CALL(words),
    CALL(close),
    {NULL, NULL},
};

/* ---- before and after ----------------------------------------------------------------------- */

void
prepare_calls(lode *db, lode_id ids_out[2])
{
    const lode_array numbers = {.dtype = LODE_F64, .ndim = 1, .shape = {SMALL / 8}};
    must(lode_put_array(db, &numbers, bytes, 0, &ids_out[0]));
    must(lode_put(db, bytes, LARGE, 0, &ids_out[1]));
    must(lode_name_set(db, NULL, "large", ids_out[1], 0));
}

void
end_call(struct round *r)
{
    lode_release(&r->views[0]);
    lode_release(&r->views[1]);
    for (int i = 0; i < 4 && r->db != NULL; i++) {
        lode_drop(r->db, r->made[i]);
        r->made[i] = (lode_id){{0}};
    }
}
