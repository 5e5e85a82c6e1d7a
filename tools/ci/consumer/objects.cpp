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
a_view_outlives_its_session(lode::session db)
{
    lode::view view;
    {
        auto id = db.put("later", 5);
        EXPECT(id);
        view = *db.get(*id);
    }
    db = lode::session();
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
    EXPECT(objects_of(*db) == 0);
    EXPECT(a_failure_has_a_version_too(*db) == 0);
    return a_view_outlives_its_session(std::move(*db));
}
