// Objects through lode.hpp, in a store of their own: what goes in comes out, what ends gives back
// its room, and errors are values. It exits with 0, or names the line that is not so.
#include <lode/lode.hpp>

#include <cstdio>

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, lode_last_error());    \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

// Sealed or not.
static std::uint64_t
objects_of(const lode::session &db)
{
    lode_store_stats stats{};
    return lode_get_store_stats(db.handle(), &stats) == LODE_OK
               ? stats.objects + stats.unsealed_objects
               : UINT64_MAX;
}

static int
arrays_come_out_as_they_went_in(const lode::session &db)
{
    auto draft = db.create_array<double>({25, 4});
    EXPECT(draft && draft->size() == 800);
    EXPECT(draft->as<float>().error() == LODE_ETYPE);
    double next = 0;
    for (double &x : draft->as<double>().value()) {
        x = next++;
    }
    auto id = draft->seal();
    EXPECT(id && draft->data() == nullptr);
    EXPECT(draft->seal().error() == LODE_EINVAL);
    auto view = db.get(*id);
    EXPECT(view && view->raw().array.ndim == 2);
    auto numbers = view->as<double>();
    EXPECT(numbers && numbers->size() == 100 && (*numbers)[99] == 99);
    EXPECT(view->as<float>().error() == LODE_ETYPE);
    EXPECT(view->as<std::int64_t>().error() == LODE_ETYPE);
    const std::int32_t few[] = {1, 2, 3};
    auto other = db.put_array(few, {3});
    EXPECT(other);
    view = db.get(*other); // the first view ends here
    EXPECT(view->as<std::int32_t>()->size() == 3);
    EXPECT(view->bytes().size() == 12 && view->bytes()[4] == 2);
    EXPECT(db.create_array<bool>({1, 1, 1, 1, 1, 1, 1, 1, 1}).error() == LODE_EINVAL);
    return 0;
}

static int
a_draft_that_is_dropped_is_aborted(const lode::session &db)
{
    lode_id id{};
    {
        auto draft = db.create(100000);
        EXPECT(draft);
        EXPECT(objects_of(db) == 1);
        lode::draft moved = std::move(*draft);
        EXPECT(draft->data() == nullptr && moved.size() == 100000);
    }
    EXPECT(objects_of(db) == 0);
    EXPECT(db.get(id, 0).error() == LODE_EINVAL);
    return 0;
}

static int
names_are_followed(const lode::session &db)
{
    struct point {
        double x, y;
    };
    std::uint64_t seen = 0;
    for (double i = 1; i <= 3; i++) {
        const point p{i, -i};
        auto id = db.put(&p, sizeof p);
        EXPECT(id && db.set_name(nullptr, "it", *id, LODE_NAME_REPLACE) == LODE_OK);
        auto version = db.wait_name(nullptr, "it", seen);
        EXPECT(version && version->number > seen);
        EXPECT(version->view.as<point>().value()[0].y == -i);
        seen = version->number;
    }
    EXPECT(db.wait_name(nullptr, "it", seen, 0).error() == LODE_ETIMEDOUT);
    EXPECT(db.get_name(nullptr, "it")->as<point>()->begin()->x == 3);
    EXPECT(lode_name_remove(db.handle(), nullptr, "it") == LODE_OK);
    return 0;
}

// One goes on behind it.
static int
a_failure_has_a_version_too(const lode::session &db)
{
    auto text = db.put("no array", 8);
    EXPECT(text);
    lode_id raw{};
    lode_arg arg = lode_ref(*text);
    EXPECT(lode_call(db.handle(), "blas.sum", lode_args{&arg, 1}, nullptr, &raw) == LODE_OK);
    lode::id failed(db.handle(), raw);
    EXPECT(db.get(failed).error() == LODE_ETASK);
    EXPECT(db.set_name(nullptr, "fails", failed) == LODE_OK);
    auto version = db.wait_name(nullptr, "fails", 0);
    EXPECT(version.error() == LODE_ETASK && version->number > 0);
    auto later = db.wait_name(nullptr, "fails", version->number, 0);
    EXPECT(later.error() == LODE_ETIMEDOUT && later->number == 0);
    EXPECT(lode_name_remove(db.handle(), nullptr, "fails") == LODE_OK);
    return 0;
}

// Under a reserved id others wait first.
static int
many_are_awaited_and_dropped_together(const lode::session &db)
{
    constexpr std::size_t count = 600; // more than go into one record
    lode::id ids[count];
    bool ready[count];
    for (lode::id &id : ids) {
        id = *db.reserve();
    }
    const lode_id first = ids[0];
    auto there = db.wait(ids, count, 1, 0, ready);
    EXPECT(there.error() == LODE_ETIMEDOUT && *there == 0 && !ready[0]);
    const lode_id before = ids[count - 1];
    ids[count - 1] = *db.put_under(ids[count - 1], "last", 4);
    EXPECT(lode_id_equal(ids[count - 1], before));
    there = db.wait(ids, count, 1, LODE_FOREVER, ready);
    EXPECT(there && *there == 1 && ready[count - 1] && !ready[0]);
    EXPECT(db.wait(&first, 1, 1, 0).error() == LODE_ETIMEDOUT);
    for (std::size_t i = 0; i < count - 1; i++) {
        auto id = db.put_under(ids[i], &i, sizeof i);
        EXPECT(id && lode_id_is_zero(ids[i]));
        EXPECT(db.put_under(ids[i], &i, sizeof i).error() == LODE_EINVAL); // it is empty
        ids[i] = std::move(*id);
    }
    EXPECT(*db.wait(ids, count, count) == count && objects_of(db) == count);
    EXPECT(db.wait(ids, count, count + 1).error() == LODE_EINVAL);
    EXPECT(*db.wait(ids, 0, 0) == 0);
    EXPECT(db.wait(ids, SIZE_MAX / 2, 1).error() == LODE_EINVAL); // none of them is read
    ids[7].reset();
    auto other = db.put("text", 4);
    lode::id kept = std::move(ids[8]);
    db.drop_many(ids, count);
    EXPECT(objects_of(db) == 2 && lode_id_is_zero(ids[0]) && db.get(kept));
    db.drop_many(ids, count); // all are empty
    db.drop_many(nullptr, 0);
    db.drop_many(&kept, 1);
    EXPECT(objects_of(db) == 1);
    return 0;
}

// Its ids are handed out once; it can be moved, and outlive its session.
static int
a_wait_set_hands_out_what_is_ready(const lode::session &db)
{
    auto set = db.open_wait_set();
    EXPECT(set && set->take(0).error() == LODE_ENOTFOUND);
    lode::id ids[300];
    for (lode::id &id : ids) {
        id = *db.reserve();
    }
    EXPECT(set->add(ids, 300) == LODE_OK && set->add(ids[0]) == LODE_OK);
    EXPECT(set->take(0).error() == LODE_ETIMEDOUT);
    const lode_id second = ids[1];
    ids[1] = *db.put_under(ids[1], "x", 1);
    auto ready = set->take();
    EXPECT(ready && lode_id_equal(*ready, second));
    auto fd = set->fd();
    EXPECT(fd && *fd >= 0);
    lode::wait_set moved = std::move(*set);
    EXPECT(set->handle() == nullptr && moved.fd() && *moved.fd() == *fd);
    EXPECT(set->add(second) == LODE_EINVAL && set->take().error() == LODE_EINVAL);
    EXPECT(set->fd().error() == LODE_EINVAL && set->remove(second) == LODE_EINVAL);
    EXPECT(set->add(ids, 0) == LODE_EINVAL);
    *set = std::move(moved);
    EXPECT(set->remove(ids, 300) == LODE_OK && set->take(0).error() == LODE_ENOTFOUND);
    lode_id some[8];
    EXPECT(set->add(&second, 1) == LODE_OK && set->remove(&second, 1) == LODE_OK);
    EXPECT(set->add(second) == LODE_OK && *set->take(some, 8) == 1);
    EXPECT(lode_id_equal(some[0], second) && set->take(some, 0).error() == LODE_EINVAL);
    lode::id none;
    EXPECT(set->add(none) == LODE_EINVAL && set->add(&none, 1) == LODE_EINVAL);
    EXPECT(lode::wait_set().take(0).error() == LODE_EINVAL);
    return 0;
}

static int
what_was_moved_from_is_empty(const lode::session &db)
{
    lode::session none;
    EXPECT(none.open_wait_set().error() == LODE_EINVAL && none.reserve().error() == LODE_EINVAL);
    EXPECT(none.put("x", 1).error() == LODE_EINVAL && none.get(lode_id{}).error() == LODE_EINVAL);
    lode::id ids[2];
    EXPECT(none.wait(ids, 1, 1).error() == LODE_EINVAL && !*none.wait(ids, 1, 1));
    none.drop_many(ids, 2);
    auto id = db.put("x", 1);
    none.drop_many(&*id, 1); // another session's: its own drops it
    EXPECT(lode_id_is_zero(*id) && objects_of(db) == 0);
    auto view = db.get(*id, 0);
    EXPECT(view.error() == LODE_EINVAL && view->size() == 0 && view->bytes().size() == 0);
    auto draft = db.create(8);
    lode::draft moved = std::move(*draft);
    EXPECT(draft->seal().error() == LODE_EINVAL && draft->as<char>()->size() == 0);
    return 0;
}

static int
names_are_looked_up_and_removed(const lode::session &db)
{
    auto id = db.put("named", 5);
    EXPECT(db.lookup_name("sp", "it", 0).error() == LODE_ENOTFOUND);
    EXPECT(db.set_name("sp", "it", *id) == LODE_OK);
    auto found = db.lookup_name("sp", "it");
    EXPECT(found && lode_id_equal(*found, *id));
    EXPECT(db.remove_name("sp", "it") == LODE_OK);
    EXPECT(db.remove_name("sp", "it") == LODE_ENOTFOUND);
    return 0;
}

// The reservation's reference is the only one, and goes where the draft goes.
static int
an_id_is_reserved_for_a_draft(const lode::session &db)
{
    auto mine = db.reserve();
    EXPECT(mine);
    const lode_id raw = *mine;
    {
        auto draft = db.create_under(*mine, 8);
        EXPECT(draft && lode_id_is_zero(*mine));
        std::memcpy(draft->data(), "reserved", 8);
        lode::draft moved;
        moved = std::move(*draft);
        auto sealed = moved.seal();
        EXPECT(sealed && lode_id_equal(*sealed, raw));
        EXPECT(db.get(raw)->size() == 8);
        EXPECT(db.create_under(*sealed, 8).error() == LODE_EEXIST);
        EXPECT(db.get(*sealed, 0));
    }
    EXPECT(objects_of(db) == 0);
    auto other = db.reserve();
    {
        auto draft = db.create_under(*other, 8); // aborted
        EXPECT(draft);
    }
    return objects_of(db) == 0 ? 0 : 1;
}

static int
a_reference_is_dropped_at_its_end(const lode::session &db)
{
    auto id = db.put("text", 4);
    EXPECT(id && objects_of(db) == 1);
    auto second = id->keep();
    EXPECT(second);
    id->reset();
    EXPECT(db.get(*second)->size() == 4);
    lode::id last = std::move(*second);
    *second = lode::id();
    EXPECT(lode_id_is_zero(*second) && objects_of(db) == 1);
    return 0;
}

static int
a_view_and_a_wait_set_outlive_their_session(lode::session db)
{
    lode::view view;
    lode::wait_set set;
    {
        auto id = db.put("later", 5);
        EXPECT(id);
        view = *db.get(*id);
        set = *db.open_wait_set();
        EXPECT(set.add(*id) == LODE_OK);
    }
    db = lode::session();
    EXPECT(set.take().error() == LODE_ECLOSED && set.add(lode_id{}) == LODE_ECLOSED);
    EXPECT(view.size() == 5 && std::memcmp(view.data(), "later", 5) == 0);
    EXPECT(view.as<char>()->size() == 5);
    return 0;
}

int
main()
{
    lode_open_options options{};
    options.struct_size = sizeof options;
    options.flags = LODE_OPEN_PRIVATE;
    options.num_cpus = 1;
    options.capacity_bytes = 16 << 20;
    auto db = lode::session::open(nullptr, &options);
    EXPECT(db);
    EXPECT(arrays_come_out_as_they_went_in(*db) == 0);
    EXPECT(objects_of(*db) == 0);
    EXPECT(a_draft_that_is_dropped_is_aborted(*db) == 0);
    EXPECT(names_are_followed(*db) == 0);
    EXPECT(an_id_is_reserved_for_a_draft(*db) == 0);
    EXPECT(a_reference_is_dropped_at_its_end(*db) == 0);
    EXPECT(many_are_awaited_and_dropped_together(*db) == 0);
    EXPECT(objects_of(*db) == 0);
    EXPECT(a_wait_set_hands_out_what_is_ready(*db) == 0);
    EXPECT(what_was_moved_from_is_empty(*db) == 0);
    EXPECT(names_are_looked_up_and_removed(*db) == 0);
    EXPECT(objects_of(*db) == 0);
    EXPECT(a_failure_has_a_version_too(*db) == 0);
    return a_view_and_a_wait_set_outlive_their_session(std::move(*db));
}
