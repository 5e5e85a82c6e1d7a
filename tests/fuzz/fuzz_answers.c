/*
 * What a store may answer a client: every packet of a store's, to every call of liblode that waits
 * for one, in any order; and objects of which the index says anything.
 *
 * ctest: replay 20000
 */
#include "tests/fuzz/hostile_store.h"

#include "api/client/session/fork.h"
#include "api/client/store/put_packet.h"
#include "api/client/store/rows.h"

enum { VIEWS = 4, DRAFTS = 4 };

static lode *db;
static lode_view views[VIEWS];
static lode_draft drafts[DRAFTS];
static uint8_t data[16 << 10];

/* ---- what the client does -------------------------------------------------------------------- */

static lode_id
pick_id(struct fuzz_input *input)
{
    uint8_t which = fuzz_u8(input) % (2 * OBJECTS);
    return which < OBJECTS ? pristine[which].id : lode_id_make(LODE_ID_RESULT, SESSION, which);
}

/* A draft can be written from its first byte to its last. */
static void
note_draft(const lode_draft *draft)
{
    const struct lode_segment_map *map = NULL;
    bool is_inside = false;
    for (int i = 0; i < LODE_SEGMENT_MAX && !is_inside; i++) {
        map = &db->segments.map[i];
        is_inside = lies_in(draft->data, draft->size, map->write, map->bytes);
    }
    fuzz_expect(is_inside);
    /* It may be written. What is there stays: the store may have given the session's own file. */
    volatile uint8_t *bytes = draft->data;
    for (size_t i = 0; i < draft->size; i++) {
        uint8_t byte = bytes[i];
        bytes[i] = byte;
    }
    for (int i = 0; i < DRAFTS; i++) {
        if (drafts[i].data == NULL) {
            drafts[i] = *draft;
            return;
        }
    }
    lode_draft other = *draft;
    lode_abort(&other);
}

static void
create(struct fuzz_input *input)
{
    uint8_t shape = fuzz_u8(input);
    const lode_array array = {
        .dtype = LODE_F64, .ndim = 2, .shape = {shape, 2}, .strides = {1, shape}};
    const lode_create_options options = {
        .struct_size = sizeof options, .holds = &pristine[INLINE].id, .hold_count = shape & 1};
    lode_draft draft = {0};
    lode_err err = shape & 2
                       ? lode_create_array(db, &array, shape & 4 ? 2000 : 0, &draft)
                       : lode_create(db, shape * 100u, &options, shape & 4 ? 2000 : 0, &draft);
    if (err == LODE_OK) {
        note_draft(&draft);
    } else {
        fuzz_expect(draft.data == NULL);
    }
}

static void
end_draft(struct fuzz_input *input)
{
    uint8_t which = fuzz_u8(input);
    lode_draft *draft = &drafts[which % DRAFTS];
    lode_id id;
    if (draft->data != NULL && which & 128) {
        (void)!lode_seal(draft, &id);
    } else if (draft->data != NULL) {
        lode_abort(draft);
    }
    *draft = (lode_draft){0};
}

static void
put(struct fuzz_input *input)
{
    uint8_t shape = fuzz_u8(input);
    size_t size = shape & 1 ? sizeof data : shape * 8u;
    lode_id id = {{0}};
    const lode_create_options options = {
        .struct_size = sizeof options, .holds = &pristine[INLINE].id, .hold_count = shape >> 1 & 1};
    (void)!lode_put_with(db, data, size, &options, shape & 4 ? 5000 : 0, &id);
}

/* A value that is to be part of a commit: its draft is what the answer says. */
static void
put_nameless(struct fuzz_input *input)
{
    struct lode_spec spec = {.size = fuzz_u8(input), .kind = LODE_KIND_BLOB};
    struct lode_msg_created is = {.entry = UINT32_MAX};
    if (lode_put_packet(db, &spec, data, 0, INT64_MAX, &is) == LODE_OK) {
        fuzz_expect(asked.answered_bytes == sizeof is);
    } else {
        fuzz_expect(is.entry == UINT32_MAX);
    }
}

static void
get(struct fuzz_input *input)
{
    uint8_t shape = fuzz_u8(input);
    lode_view *view = &views[shape % VIEWS];
    lode_release(view);
    if ((shape & 36) == 36) {
        uint64_t version = 0;
        uint64_t after = shape >> 6;
        int64_t timeout_ms = shape & 16 ? 3000 : 0;
        lode_err got =
            lode_name_wait(db, NULL, shape & 8 ? "n" : "m", after, timeout_ms, view, &version);
        fuzz_expect(got == LODE_OK ? version > after : version == 0 && view->data == NULL);
        return;
    }
    lode_err err = shape & 4
                       ? lode_name_get(db, NULL, shape & 8 ? "n" : "m", shape & 16 ? 3000 : 0, view)
                       : lode_get(db, pick_id(input), shape & 16 ? 3000 : 0, view);
    if (err == LODE_OK) {
        check_view(db, view);
    } else {
        fuzz_expect(view->data == NULL);
    }
}

static void
get_many(struct fuzz_input *input)
{
    lode_id ids[VIEWS];
    for (int i = 0; i < VIEWS; i++) {
        ids[i] = pick_id(input);
        lode_release(&views[i]);
    }
    if (lode_get_many(db, ids, VIEWS, 2000, views) == LODE_OK) {
        for (int i = 0; i < VIEWS; i++) {
            check_view(db, &views[i]);
        }
    }
}

/* A few ids; or a few and many more in a row or of users' choice, which are watched as one. */
static void
wait_for(struct fuzz_input *input)
{
    enum { MANY = LODE_ROW_LEAST + 100 };
    lode_id ids[VIEWS + MANY];
    bool ready[VIEWS + MANY] = {false};
    uint8_t shape = fuzz_u8(input);
    size_t ids_count = 1 + shape % VIEWS, want = (shape >> 2) % (ids_count + 1), count = 0,
           seen = 0;
    for (size_t i = 0; i < ids_count; i++) {
        ids[i] = pick_id(input);
    }
    for (int i = 0; i < MANY && (shape & 64); i++) {
        uint64_t counter = (uint64_t)(1 + (shape & 3)) * i;
        ids[ids_count++] = shape & 32 ? lode_id_make(LODE_ID_USER, 0, counter)
                                      : lode_id_make(LODE_ID_RESULT, SESSION, counter);
    }
    lode_err err = lode_wait(db, ids, ids_count, want, shape & 128 ? 2500 : 0, ready, &count);
    for (size_t i = 0; i < ids_count; i++) {
        seen += ready[i];
    }
    fuzz_expect(seen == count && (err != LODE_OK || count >= want));
}

/* What the index says of the whole store, and of each object: somebody wants it freed, or not. */
static void
set_state(uint8_t scarce)
{
    struct lode_entry *entries = (void *)(index_map + LODE_ENTRIES_OFFSET);
    ((struct lode_index_header *)(void *)index_map)->scarce = scarce;
    for (int i = 0; i < OBJECTS; i++) {
        entries[i].word = lode_word_make(1, scarce & 16 ? LODE_ENTRY_WANTED : LODE_ENTRY_SEALED);
    }
}

static void
ask_one(struct fuzz_input *input)
{
    uint8_t what = fuzz_u8(input);
    lode_id id = pick_id(input);
    lode_object_info info;
    lode_failure_info failure;
    lode_store_stats stats;
    double number;
    bool there;
    switch (what % 8) {
    case 0:
        if (lode_stat(db, id, &info) == LODE_OK) {
            fuzz_expect(info.array.ndim >= 0 && info.array.ndim <= LODE_MAX_NDIM);
        }
        break;
    case 1:
        (void)!lode_contains(db, id, &there);
        (void)!lode_get_f64(db, id, 0, &number);
        break;
    case 2:
        (void)!lode_delete(db, id);
        break;
    case 3:
        if (lode_failure(db, id, &failure) == LODE_OK) {
            fuzz_expect(strnlen(failure.message, sizeof failure.message) < sizeof failure.message);
        }
        break;
    case 4:
        (void)!lode_get_store_stats(db, &stats);
        break;
    case 5:
        (void)!lode_keep(db, id);
        break;
    case 6:
        set_state(what >> 3);
        break;
    default:
        lode_drop(db, id);
    }
}

static bool
see_info(const lode_object_info *info, void *arg)
{
    int *left = arg;
    fuzz_expect(info->array.ndim >= 0 && info->array.ndim <= LODE_MAX_NDIM);
    return --*left > 0;
}

/* A name is one that the answer has; other packets may have come behind it. */
static bool
is_of_packet(const char *text)
{
    return memmem(first_answer.bytes, first_answer.size, text, strlen(text)) != NULL;
}

static bool
see_name(const char *space, const char *name, lode_id id, void *arg)
{
    int *left = arg;
    (void)id;
    fuzz_expect(is_of_packet(space) && is_of_packet(name));
    fuzz_expect(strlen(space) <= LODE_NAME_BYTES_MAX && strlen(name) <= LODE_NAME_BYTES_MAX);
    return --*left > 0;
}

static void
ask_names(struct fuzz_input *input)
{
    uint8_t what = fuzz_u8(input);
    int left = 1000;
    lode_id id = pick_id(input);
    switch (what % 5) {
    case 0:
        (void)!lode_name_set(db, "s", "n", id, LODE_NAME_REPLACE);
        break;
    case 1:
        (void)!lode_name_remove(db, NULL, "n");
        break;
    case 2:
        (void)!lode_name_lookup(db, "s", "n", what & 8 ? 2500 : 0, &id);
        break;
    case 3:
        (void)!lode_name_list(db, what & 8 ? NULL : "s", see_name, &left);
        break;
    default:
        (void)!lode_list(db, see_info, &left);
    }
}

/* A fork, without the child. */
static void
fork_twice(void)
{
    lode_fork_before(db);
    lode_fork_in_parent(db);
}

/* What the index says of an object; its id and its state stay. */
static void
spoil_entry(struct fuzz_input *input)
{
    struct lode_entry *entry =
        (struct lode_entry *)(void *)(index_map + LODE_ENTRIES_OFFSET) + fuzz_u8(input) % OBJECTS;
    size_t from = offsetof(struct lode_entry, extent);
    size_t at = from + fuzz_u8(input) % (sizeof *entry - from);
    size_t size = fuzz_u8(input) % 16;
    fuzz_bytes(input, (uint8_t *)entry + at, size < sizeof *entry - at ? size : sizeof *entry - at);
}

static void
run(struct fuzz_input *input)
{
    back_ring();
    switch (fuzz_u8(input) % 12) {
    case 0:
        create(input);
        break;
    case 1:
        end_draft(input);
        break;
    case 2:
        put(input);
        break;
    case 3:
        put_nameless(input);
        break;
    case 4:
    case 5:
        get(input);
        break;
    case 6:
        get_many(input);
        break;
    case 7:
        wait_for(input);
        break;
    case 8:
        ask_one(input);
        break;
    case 9:
        ask_names(input);
        break;
    case 10:
        fork_twice();
        break;
    default:
        spoil_entry(input);
    }
}

/* Views may be released before the session is closed, or after it. */
static void
leave(bool views_first)
{
    for (int i = 0; i < VIEWS && views_first; i++) {
        lode_release(&views[i]);
    }
    lode_close(db);
    for (int i = 0; i < VIEWS; i++) {
        lode_release(&views[i]);
    }
    memset(drafts, 0, sizeof drafts);
    db = NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    store_begin(&input);
    uint8_t how = fuzz_u8(&input);
    choose_backing(how >> 2);
    db = store_attach(how & 1 ? LODE_HELLO_MAKER : 0);
    if (db != NULL) {
        while (input.left > 0) {
            run(&input);
        }
        leave(how & 2);
    }
    store_end();
    return 0;
}

enum {
    CREATE,
    END_DRAFT,
    PUT,
    PUT_NAMELESS,
    GET,
    GET_TOO,
    GET_MANY,
    WAIT,
    ASK,
    NAMES,
    FORK,
    SPOIL
};
enum { WELL, ERROR = 8, NOTIFY, RAW, NOTHING, LATE, SIZE, FDS, BYTES };

/* Puts and drops until the ring's beginning is full, then a put and drops behind that. */
static void
seed_ring(fuzz_seed_fn seed, void *arg, uint8_t how)
{
    enum { PUT_BYTES = 248, DROP = 7, DROPS = 80 };
    struct fuzz_text text = {.size = 0};
    fuzz_say(&text, how << 2, WELL, PUT, PUT_BYTES, PUT, PUT_BYTES, PUT, PUT_BYTES);
    for (int i = 0; i < DROPS; i++) {
        fuzz_say(&text, ASK, DROP, INLINE);
    }
    seed(arg, text.bytes, text.size);
}

void
fuzz_seeds(fuzz_seed_fn seed, void *arg)
{
    struct fuzz_text text = {.size = 0};
    for (uint8_t how = 0; how < 8; how++) {
        seed_ring(seed, arg, how); /* its memory stays as it is */
        seed_ring(seed, arg, how | 1 << 3);
    }
    /* Drafts are made, sealed and aborted; the first needs the segment. */
    fuzz_say(&text, 0, WELL, CREATE, 9, WELL, WELL, CREATE, 20, WELL, END_DRAFT, 128, WELL, CREATE,
             6, WELL, END_DRAFT, 1, PUT, 1, WELL, WELL, PUT, 2, PUT_NAMELESS, 9, WELL);
    seed(arg, text.bytes, text.size);
    /* Objects of each kind; the third view asks for pins, and a fork keeps them. */
    text.size = 0;
    fuzz_say(&text, 2, WELL, GET, 0, INLINE, GET, 1, SMALL, WELL, GET, 2, MATRIX, WELL, GET, 3,
             STRIDED, FORK, WELL, GET, 0, FAILED, GET, 0, FAILED_LARGE, GET, 12, ASK, 3,
             FAILED_LARGE);
    seed(arg, text.bytes, text.size);
    /* Waits, which notices end, or errors, or nothing. */
    text.size = 0;
    fuzz_say(&text, 0, WELL, WAIT, 128 + 8 + 3, 0, 9, 8, 10, NOTIFY, 2, 1, 1, 1, 1, 0, 0, 0, 0,
             WELL, WAIT, 9, 9, 9, 9, 9, NOTHING, NOTHING, ERROR, 9, 20, GET, 16, 12, WELL, 2, WELL,
             4, GET_MANY, 0, 1, 2, 3, WELL, WELL);
    seed(arg, text.bytes, text.size);
    /* Questions; late answers of some that were given up. */
    text.size = 0;
    fuzz_say(&text, 0, WELL, ASK, 0, 1, WELL, 0, ASK, 1, 9, WELL, 1, ASK, 4, 0, WELL, ASK, 6 + 8, 0,
             ASK, 5, 9, NOTHING, NOTHING, NOTHING, NOTHING, ASK, 4, 0, LATE, WELL);
    fuzz_say(&text, NAMES, 0, 1, WELL, NAMES, 2, 0, WELL, 1, NAMES, 3, 0, WELL, 1, WELL, 0, NAMES,
             4, 0, WELL, 0, CREATE, 0, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, ASK, 4, 0, LATE,
             WELL);
    seed(arg, text.bytes, text.size);
    /* Answers of other sizes, with other bytes and other descriptors. */
    text.size = 0;
    fuzz_say(&text, 1, FDS, 3, ASK, 5, 9, FDS, 2, PUT_NAMELESS, 3, SIZE, 8, 0, SPOIL, 2, 4, 1, 9,
             GET, 0, MATRIX, WELL, CREATE, 1, RAW, 12, 0, 8, 0, 0, 0, BYTES, 8, 0, 1, 2, 0, 3);
    seed(arg, text.bytes, text.size);
}
