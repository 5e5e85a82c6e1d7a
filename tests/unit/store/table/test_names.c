/* Names: bound, rebound, ended, and what they keep alive. */
#include "store/table/names.h"
#include "tests/unit/store/fake_client.h"

TestSuite(names, .init = store_setup, .fini = store_teardown, .timeout = 120);

static struct name_text
text(const char *space, const char *name)
{
    struct name_text made;
    must(name_make_text(&store->table, space, strlen(space), name, strlen(name), &made));
    return made;
}

static uint32_t bound; /* the entry of the name that was bound last */

static uint32_t
sealed(struct fake *fake)
{
    lode_id id = fake_put(fake, "x", 1);
    fake_ring(fake);
    return entry_of(id);
}

Test(names, keep_their_object_alive)
{
    struct fake fake = fake_attach(0);
    struct name_text a = text("", "a");
    uint32_t object = sealed(&fake), name;
    bool is_new = false;
    must(name_bind(&store->table, &a, object, false, &bound, &is_new));
    expect(is_new);
    fake_die(&fake);
    expect_eq(entry_state(&store->table, object), LODE_ENTRY_SEALED);
    must(name_find(&store->table, &a, &name));
    expect_eq(name_object(&store->table, name), object);
    name_unbind(&store->table, name);
    pump();
    expect_eq(entry_state(&store->table, object), LODE_ENTRY_FREE);
    expect_eq(entry_state(&store->table, name), LODE_ENTRY_FREE);
    fails(name_find(&store->table, &a, &name), LODE_ENOTFOUND);
}

Test(names, are_rebound_only_on_demand_and_let_the_old_object_go)
{
    struct fake fake = fake_attach(0);
    struct name_text a = text("", "a");
    uint32_t one = sealed(&fake), two = sealed(&fake);
    bool is_new;
    must(name_bind(&store->table, &a, one, false, &bound, &is_new));
    fails(name_bind(&store->table, &a, two, false, &bound, &is_new), LODE_EEXIST);
    must(name_bind(&store->table, &a, two, true, &bound, &is_new));
    expect(!is_new);
    expect_eq(store->table.truths[one].refs, 1);
    expect_eq(store->table.truths[two].refs, 2);
    must(name_bind(&store->table, &a, two, true, &bound, &is_new)); /* to the same one */
    expect_eq(store->table.truths[two].refs, 2);
    expect(store_check(store));
    fake_die(&fake);
}

static uint64_t
version_of(uint32_t name)
{
    return lode_binding_version(atomic_load(&store->table.entries[name].binding));
}

Test(names, count_their_versions_up_and_never_back)
{
    struct fake fake = fake_attach(0);
    struct name_text a = text("", "a"), b = text("", "b");
    uint32_t object = sealed(&fake), name;
    bool is_new;
    must(name_bind(&store->table, &a, object, true, &name, &is_new));
    expect_eq(version_of(name), 1);
    must(name_bind(&store->table, &a, object, true, &name, &is_new));
    must(name_bind(&store->table, &a, object, true, &name, &is_new));
    expect_eq(version_of(name), 3);
    must(name_bind(&store->table, &b, object, true, &name, &is_new));
    expect_eq(version_of(name), 1);
    name_unbind(&store->table, name);
    must(name_find(&store->table, &a, &name));
    name_unbind(&store->table, name);
    must(name_bind(&store->table, &a, object, true, &name, &is_new));
    expect(is_new);
    expect_eq(version_of(name), 4);
    must(name_bind(&store->table, &b, object, true, &name, &is_new));
    expect_eq(version_of(name), 4);
}

Test(names, whose_versions_are_used_up_are_bound_no_more)
{
    struct fake fake = fake_attach(0);
    struct name_text a = text("", "a"), b = text("", "b");
    uint32_t object = sealed(&fake), name;
    bool is_new;
    store->table.versions_ended = LODE_VERSION_MAX - 1;
    must(name_bind(&store->table, &a, object, true, &name, &is_new));
    expect_eq(version_of(name), LODE_VERSION_MAX);
    expect_eq(name_object(&store->table, name), object);
    fails(name_bind(&store->table, &a, object, true, &name, &is_new), LODE_ELIMIT);
    name_unbind(&store->table, name);
    fails(name_bind(&store->table, &b, object, true, &name, &is_new), LODE_ELIMIT);
    expect(store_check(store));
}

Test(names, that_are_told_stay_so_when_they_are_bound_anew)
{
    struct fake fake = fake_attach(0);
    struct name_text a = text("", "a");
    uint32_t one = sealed(&fake), two = sealed(&fake), name;
    bool is_new;
    must(name_bind(&store->table, &a, one, true, &name, &is_new));
    expect(!name_is_told(&store->table, name));
    name_set_told(&store->table, name, true);
    must(name_bind(&store->table, &a, two, true, &name, &is_new));
    expect(name_is_told(&store->table, name));
    expect_eq(name_object(&store->table, name), two);
    expect_eq(version_of(name), 2);
    name_set_told(&store->table, name, false);
    expect(!name_is_told(&store->table, name));
    expect_eq(name_object(&store->table, name), two);
    expect_eq(version_of(name), 2);
    expect(!store->table.any_told_ended);
    name_set_told(&store->table, name, true);
    name_unbind(&store->table, name);
    expect(store->table.any_told_ended);
}

Test(names, of_two_namespaces_are_two)
{
    struct fake fake = fake_attach(0);
    struct name_text a = text("", "n"), b = text("other", "n");
    uint32_t object = sealed(&fake);
    bool is_new;
    must(name_bind(&store->table, &a, object, false, &bound, &is_new));
    must(name_bind(&store->table, &b, object, false, &bound, &is_new));
    expect_eq(store->table.truths[object].names, 2);
    expect_eq(store->table.name_count, 2);
    uint32_t left = UINT32_MAX;
    expect(names_forget_part(&store->table, object, &left, UINT32_MAX));
    expect_eq(store->table.name_count, 0);
    fake_die(&fake);
}

Test(names, of_the_greatest_length_are_stored_whole)
{
    struct fake fake = fake_attach(0);
    char space[256], name[256];
    memset(space, 's', 255);
    memset(name, 'n', 255);
    space[255] = name[255] = '\0';
    struct name_text longest = text(space, name);
    uint32_t object = sealed(&fake), found;
    size_t size;
    bool is_new;
    must(name_bind(&store->table, &longest, object, false, &bound, &is_new));
    must(name_find(&store->table, &longest, &found));
    const char *there = name_text_of(&store->table, found, &size);
    expect_eq(size, 511);
    expect(memcmp(there, longest.text, size) == 0);
    fake_die(&fake);
    name_unbind(&store->table, found);
    pump();
    struct arena_stats stats;
    arena_stats(store->arena, &stats);
    expect_eq(stats.used_bytes, 0);
}

Test(names, that_are_none_are_refused)
{
    struct name_text made;
    fails(name_make_text(&store->table, "", 0, "", 0, &made), LODE_EINVAL);
    fails(name_make_text(&store->table, "", 0, "a/b", 3, &made), LODE_EINVAL);
    fails(name_make_text(&store->table, "", 0, "\xff", 1, &made), LODE_EINVAL);
    fails(name_make_text(&store->table, "", 0, "\xc0\x80", 2, &made), LODE_EINVAL);
    fails(name_make_text(&store->table, "a\0b", 3, "n", 1, &made), LODE_EINVAL);
    must(name_make_text(&store->table, "", 0, "\xc3\xbc", 2, &made));
}

Test(names, stay_while_a_reader_has_them_pinned)
{
    struct fake fake = fake_attach(0);
    struct name_text a = text("", "a");
    uint32_t object = sealed(&fake), name;
    bool is_new;
    must(name_bind(&store->table, &a, object, false, &bound, &is_new));
    must(name_find(&store->table, &a, &name));
    fake_pin(&fake, 0, name + 1);
    name_unbind(&store->table, name);
    pump();
    expect_eq(entry_state(&store->table, name), LODE_ENTRY_WANTED);
    expect_eq(atomic_load(&store->table.entries[name].binding), 0);
    fails(name_find(&store->table, &a, &name), LODE_ENOTFOUND);
    fake_die(&fake);
    expect_eq(store->table.state_count[LODE_ENTRY_WANTED], 0);
}

/* An entry may still be in the list of candidates for what it was before. */
Test(names, whose_entry_was_to_be_freed_before_stay)
{
    struct fake fake = fake_attach(0), gone = fake_attach(0);
    struct name_text a = text("", "a");
    uint32_t object = sealed(&fake), name, before;
    lode_id id = lode_id_reserve(gone.number, 1);
    bool is_new;
    fake_take(&gone, id);
    ring_drain(store, gone.session);
    before = entry_of(id);
    fake_drop(&gone, id);
    fake_drop(&gone, id); /* its birth's, too */
    session_end(store, gone.session);
    chores_turn(store);
    must(name_bind(&store->table, &a, object, false, &bound, &is_new));
    must(name_find(&store->table, &a, &name));
    expect_eq(name, before);
    pump();
    must(name_find(&store->table, &a, &name));
    expect_eq(name_object(&store->table, name), object);
    munmap(gone.file, lode_session_file_bytes(LODE_RING_BYTES_DEFAULT));
    fake_die(&fake);
    name_unbind(&store->table, name);
    pump();
}

/* ---- in parts ---- */

enum { MANY = 200000 };

/* Each third name is another object's. */
static void
bind_many(uint32_t object, uint32_t other)
{
    bool is_new;
    for (int i = 0; i < MANY; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d", i);
        struct name_text made = text("", name);
        must(name_bind(&store->table, &made, i % 3 == 0 ? other : object, false, &bound, &is_new));
    }
}

Test(names, of_a_deleted_object_end_in_parts_between_which_others_are_served)
{
    struct fake maker = fake_attach(0), other = fake_attach(0);
    struct lode_msg_lookup ask = {.head = {.type = LODE_MSG_LOOKUP, .tag = 5}, .id = user(1)};
    struct lode_msg_found found;
    uint8_t answer[256];
    lode_id id = fake_put(&maker, "x", 1), kept = fake_put(&maker, "y", 1);
    struct lode_msg_lookup del = {.head = {.type = LODE_MSG_DELETE, .tag = 1}, .id = id};
    fake_ring(&maker);
    bind_many(entry_of(id), entry_of(kept));
    uint32_t count = store->table.name_count, of_object = store->table.truths[entry_of(id)].names;
    fake_send(&maker, &del, sizeof del);
    fake_send(&other, &ask, sizeof ask);
    fake_round();
    expect_eq(fake_receive(&other, &found, sizeof found, NULL), LODE_MSG_FOUND);
    expect(!fake_has_packet(&maker));
    expect_eq(state_of(id), LODE_ENTRY_SEALED); /* it has names */
    pump();
    expect_eq(fake_receive(&maker, answer, sizeof answer, NULL), LODE_MSG_OK);
    expect_eq(store->table.name_count, count - of_object);
    expect_eq(state_of(id), LODE_ENTRY_FREE);
    expect_eq(store->table.truths[entry_of(kept)].names, count - of_object);
    fake_die(&maker);
    fake_die(&other);
}

Test(names, that_an_object_is_given_while_its_names_end_end_too)
{
    struct fake fake = fake_attach(0);
    uint32_t object = sealed(&fake), left = UINT32_MAX;
    bool is_new;
    for (char name[] = "a"; name[0] <= 'e'; name[0]++) {
        struct name_text made = text("", name);
        must(name_bind(&store->table, &made, object, false, &bound, &is_new));
    }
    expect(!names_forget_part(&store->table, object, &left, 3));
    struct name_text late = text("", "late");
    must(name_bind(&store->table, &late, object, false, &bound, &is_new));
    expect(!names_forget_part(&store->table, object, &left, 2));
    expect(names_forget_part(&store->table, object, &left, 3));
    expect_eq(store->table.name_count, 0);
    fake_die(&fake);
}
