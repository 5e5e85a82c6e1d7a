/*
 * lode.hpp: objects from C++17 on: sessions, references, drafts, views and wait sets that end by
 * themselves. Header only, above lode.h: what it calls, and what that promises, is said there. It
 * throws nothing, and needs neither exceptions nor RTTI.
 *
 *     auto db = lode::session::open();
 *     if (!db) { return db.error(); }
 *     auto draft = db->create_array<double>({1000});
 *     for (double &x : draft->as<double>().value()) { x = 1; }
 *     auto id = draft->seal();
 *     auto view = db->get(*id);
 *     lode::span<const double> numbers = view->as<double>().value();
 *
 *     auto set = db->open_wait_set();
 *     if (set->add(*id) == LODE_OK) {
 *         while (auto ready = set->take()) { auto there = db->get(*ready, 0); }
 *     }
 *
 * In C `lode` is the type of a session, so it can be no namespace. In C++ it is a type that has no
 * values, and the names are its members. A `lode *` is still the handle that lode.h takes, and
 * session::handle() gives it.
 *
 * Results  a call gives a result<T>: LODE_OK and a value, or an error and an empty value, which does
 *          nothing when it ends. lode_last_error() has the sentence, but for LODE_ETYPE of as() and
 *          LODE_ENOMEM of wait()
 * Moves    all but results of plain values can be moved and not copied. What was moved from is empty
 * Order    references end before their session does: they are the session's. A draft that lives on
 *          was aborted by the session's end, and its bytes are not there any more. Views may live
 *          on, and wait sets: each call of these is LODE_ECLOSED then
 * Threads  calls of one session, as in C. One value is used by one thread at a time
 */
#ifndef LODE_LODE_HPP
#define LODE_LODE_HPP

#include "lode.h"

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

struct lode {
    lode() = delete;
    lode(const lode &) = delete;
    lode &operator=(const lode &) = delete;

    template <class T> class result;
    template <class T> class span;
    class id;
    class draft;
    class view;
    class wait_set;
    class session;
    struct version;

    /* The element type of an array of T; 0: there is none, and T is read from bytes alone. */
    template <class T> static constexpr lode_dtype dtype_of();
};

/* An error, or LODE_OK and a value. */
template <class T> class [[nodiscard]] lode::result
{
  public:
    result(lode_err err) : err_(err)
    {
    }
    result(T &&value) : err_(LODE_OK), value_(std::move(value))
    {
    }
    /* An error that comes with something that is known all the same. */
    result(lode_err err, T &&value) : err_(err), value_(std::move(value))
    {
    }
    explicit operator bool() const noexcept
    {
        return err_ == LODE_OK;
    }
    lode_err error() const noexcept
    {
        return err_;
    }
    /* Empty if there is an error, but for what the call says. */
    T &value() & noexcept
    {
        return value_;
    }
    const T &value() const & noexcept
    {
        return value_;
    }
    /* By value: a loop over the value of a call goes on when the call's result has ended. */
    T value() && noexcept
    {
        return std::move(value_);
    }
    T &operator*() & noexcept
    {
        return value_;
    }
    const T &operator*() const & noexcept
    {
        return value_;
    }
    T operator*() && noexcept
    {
        return std::move(value_);
    }
    T *operator->() noexcept
    {
        return &value_;
    }
    const T *operator->() const noexcept
    {
        return &value_;
    }

  private:
    lode_err err_;
    T value_{};
};

/* `size()` elements that lie one after the other. It owns nothing. */
template <class T> class lode::span
{
  public:
    span() noexcept = default;
    span(T *data, std::size_t size) noexcept : data_(data), size_(size)
    {
    }
    T *data() const noexcept
    {
        return data_;
    }
    std::size_t size() const noexcept
    {
        return size_;
    }
    T *begin() const noexcept
    {
        return data_;
    }
    T *end() const noexcept
    {
        return data_ + size_;
    }
    T &operator[](std::size_t i) const noexcept
    {
        return data_[i];
    }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

template <class T>
constexpr lode_dtype
lode::dtype_of()
{
    if (std::is_same<typename std::remove_cv<T>::type, bool>::value) {
        return LODE_BOOL;
    }
    if (std::is_floating_point<T>::value && (sizeof(T) == 4 || sizeof(T) == 8)) {
        return LODE_DTYPE(2, 8 * sizeof(T), 1);
    }
    if (std::is_integral<T>::value && sizeof(T) <= 8) {
        return LODE_DTYPE(std::is_signed<T>::value ? 0 : 1, 8 * sizeof(T), 1);
    }
    return 0;
}

/* One reference to an object, which it drops at its end. */
class lode::id
{
  public:
    id() noexcept = default;
    /* Takes over a reference that the caller has, as from lode_reserve() or lode_call(). */
    id(lode *db, const lode_id &raw) noexcept : db_(db), raw_(raw)
    {
    }
    id(id &&other) noexcept : db_(other.db_), raw_(other.leave())
    {
    }
    id &operator=(id &&other) noexcept
    {
        if (this != &other) {
            reset();
            db_ = other.db_;
            raw_ = other.leave();
        }
        return *this;
    }
    ~id()
    {
        reset();
    }
    operator lode_id() const noexcept
    {
        return raw_;
    }
    /* One more reference. */
    result<id> keep() const
    {
        lode_err err = lode_keep(db_, raw_);
        return err != LODE_OK ? result<id>(err) : result<id>(id(db_, raw_));
    }
    /* The reference is the caller's now. */
    lode_id leave() noexcept
    {
        return std::exchange(raw_, lode_id{});
    }
    void reset() noexcept
    {
        lode_id raw = leave();
        if (db_ != nullptr && !lode_id_is_zero(raw)) {
            lode_drop(db_, raw);
        }
    }

  private:
    friend class session;

    lode *db_ = nullptr;
    lode_id raw_{};
};

/* A pinned object: its bytes stay, and do not change, until this ends. */
class lode::view
{
  public:
    view() noexcept = default;
    /* Takes over a view that the caller has. */
    explicit view(const lode_view &raw) noexcept : raw_(raw)
    {
    }
    view(view &&other) noexcept : raw_(std::exchange(other.raw_, lode_view{}))
    {
    }
    view &operator=(view &&other) noexcept
    {
        if (this != &other) {
            lode_release(&raw_);
            raw_ = std::exchange(other.raw_, lode_view{});
        }
        return *this;
    }
    ~view()
    {
        lode_release(&raw_);
    }
    const void *data() const noexcept
    {
        return raw_.data;
    }
    std::size_t size() const noexcept
    {
        return raw_.size;
    }
    const lode_view &raw() const noexcept
    {
        return raw_;
    }
    /* Whatever it is. */
    span<const unsigned char> bytes() const noexcept
    {
        return span<const unsigned char>(static_cast<const unsigned char *>(raw_.data), raw_.size);
    }
    /*
     * The elements of an array of T in C order without gaps; or any other object's bytes as values
     * of T. Errors: LODE_ETYPE, it is something else, or is no whole number of them.
     */
    template <class T> result<span<const T>> as() const
    {
        static_assert(std::is_trivially_copyable<T>::value, "other processes have written it");
        bool fits = raw_.kind == LODE_KIND_ARRAY
                        ? raw_.array.dtype == dtype_of<T>() && lode_array_is_contiguous(&raw_.array)
                        : raw_.data != nullptr || raw_.size == 0;
        if (!fits || raw_.size % sizeof(T) != 0 ||
            reinterpret_cast<std::uintptr_t>(raw_.data) % alignof(T) != 0) {
            return LODE_ETYPE;
        }
        return span<const T>(static_cast<const T *>(raw_.data), raw_.size / sizeof(T));
    }

  private:
    lode_view raw_{};
};

/* An object that is being written. It is aborted at its end, unless it was sealed. */
class lode::draft
{
  public:
    draft() noexcept = default;
    /* Takes over a draft that the caller has. */
    draft(lode *db, const lode_draft &raw) noexcept : db_(db), raw_(raw)
    {
    }
    /* The same under a reserved id, which is the draft's from now on. */
    draft(lode *db, const lode_draft &raw, id &&reserved) noexcept
        : db_(db), raw_(raw), reserved_(std::move(reserved))
    {
    }
    /* One of an array of these elements. */
    draft(lode *db, const lode_draft &raw, lode_dtype dtype) noexcept
        : db_(db), raw_(raw), dtype_(dtype)
    {
    }
    draft(draft &&other) noexcept
        : db_(other.db_), raw_(std::exchange(other.raw_, lode_draft{})),
          reserved_(std::move(other.reserved_)), dtype_(other.dtype_)
    {
    }
    draft &operator=(draft &&other) noexcept
    {
        if (this != &other) {
            lode_abort(&raw_);
            db_ = other.db_;
            raw_ = std::exchange(other.raw_, lode_draft{});
            reserved_ = std::move(other.reserved_);
            dtype_ = other.dtype_;
        }
        return *this;
    }
    ~draft()
    {
        lode_abort(&raw_);
    }
    void *data() const noexcept
    {
        return raw_.data;
    }
    std::size_t size() const noexcept
    {
        return raw_.size;
    }
    /*
     * Its bytes as values of T. Errors: LODE_ETYPE, they are no whole number of them, or the array
     * that create_array() began has other elements.
     */
    template <class T> result<span<T>> as() const
    {
        static_assert(std::is_trivially_copyable<T>::value, "other processes will read it");
        if ((dtype_ != 0 && dtype_ != dtype_of<T>()) || raw_.size % sizeof(T) != 0 ||
            reinterpret_cast<std::uintptr_t>(raw_.data) % alignof(T) != 0) {
            return LODE_ETYPE;
        }
        return span<T>(static_cast<T *>(raw_.data), raw_.size / sizeof(T));
    }
    /* lode_seal(). It ends the draft, also when it fails. */
    result<id> seal()
    {
        lode_draft raw = std::exchange(raw_, lode_draft{});
        id reserved = std::move(reserved_);
        lode_id sealed{};
        lode_err err = lode_seal(&raw, &sealed);
        if (err != LODE_OK) {
            return err;
        }
        return lode_id_is_zero(reserved) ? id(db_, sealed) : std::move(reserved);
    }

  private:
    lode *db_ = nullptr;
    lode_draft raw_{};
    id reserved_;          /* it has the only reference to what is sealed */
    lode_dtype dtype_ = 0; /* of an array's elements; 0: not known */
};

/*
 * Ids that are awaited (waitset.h). It takes no references: the ids of what is to be found there
 * must live elsewhere.
 */
class lode::wait_set
{
  public:
    wait_set() noexcept = default;
    /* Takes over a set that the caller has. */
    explicit wait_set(lode_waitset *raw) noexcept : raw_(raw)
    {
    }
    wait_set(wait_set &&other) noexcept : raw_(std::exchange(other.raw_, nullptr))
    {
    }
    wait_set &operator=(wait_set &&other) noexcept
    {
        if (this != &other) {
            lode_waitset_close(raw_);
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }
    ~wait_set()
    {
        lode_waitset_close(raw_);
    }
    /* For the calls of waitset.h. The set stays this value's. */
    lode_waitset *handle() const noexcept
    {
        return raw_;
    }

    LODE_MUST_CHECK lode_err add(const lode_id *ids, std::size_t count) const
    {
        return lode_waitset_add(raw_, ids, count);
    }
    LODE_MUST_CHECK lode_err add(const lode_id &object) const
    {
        return lode_waitset_add(raw_, &object, 1);
    }
    /* After a failure some of them may be in the set. */
    LODE_MUST_CHECK lode_err add(const id *ids, std::size_t count) const
    {
        return change(lode_waitset_add, ids, count);
    }
    LODE_MUST_CHECK lode_err remove(const lode_id *ids, std::size_t count) const
    {
        return lode_waitset_remove(raw_, ids, count);
    }
    LODE_MUST_CHECK lode_err remove(const lode_id &object) const
    {
        return lode_waitset_remove(raw_, &object, 1);
    }
    LODE_MUST_CHECK lode_err remove(const id *ids, std::size_t count) const
    {
        return change(lode_waitset_remove, ids, count);
    }
    /* One id that is ready. Errors: LODE_ENOTFOUND, the set is empty: all were taken. */
    result<lode_id> take(std::int64_t timeout_ms = LODE_FOREVER) const
    {
        lode_id raw{};
        std::size_t count = 0;
        lode_err err = lode_waitset_take(raw_, timeout_ms, &raw, 1, &count);
        return err != LODE_OK ? result<lode_id>(err) : result<lode_id>(std::move(raw));
    }
    /* As many as are ready, and `room` at most: how many they are. */
    result<std::size_t> take(lode_id *ids_out, std::size_t room,
                             std::int64_t timeout_ms = LODE_FOREVER) const
    {
        std::size_t count = 0;
        lode_err err = lode_waitset_take(raw_, timeout_ms, ids_out, room, &count);
        return err != LODE_OK ? result<std::size_t>(err) : result<std::size_t>(std::move(count));
    }
    /* The set's, for poll() and epoll. */
    result<int> fd() const
    {
        int fd = -1;
        lode_err err = lode_waitset_fd(raw_, &fd);
        return err != LODE_OK ? result<int>(err) : result<int>(std::move(fd));
    }

  private:
    template <class Call> lode_err change(Call *call, const id *ids, std::size_t count) const
    {
        constexpr std::size_t most = 256;
        lode_id some[most];
        lode_err err = count == 0 ? call(raw_, nullptr, 0) : LODE_OK;
        for (std::size_t begin = 0; begin < count && err == LODE_OK; begin += most) {
            std::size_t n = count - begin < most ? count - begin : most;
            for (std::size_t i = 0; i < n; i++) {
                some[i] = ids[begin + i];
            }
            err = call(raw_, some, n);
        }
        return err;
    }

    lode_waitset *raw_ = nullptr;
};

/* What session::wait_name() gives. */
struct lode::version {
    lode::view view;
    std::uint64_t number = 0;
};

/* A session, which is closed at its end. */
class lode::session
{
  public:
    session() noexcept = default;
    /* Takes over a session that the caller has. */
    explicit session(lode *db) noexcept : db_(db)
    {
    }
    session(session &&other) noexcept : db_(std::exchange(other.db_, nullptr))
    {
    }
    session &operator=(session &&other) noexcept
    {
        if (this != &other) {
            lode_close(db_);
            db_ = std::exchange(other.db_, nullptr);
        }
        return *this;
    }
    ~session()
    {
        lode_close(db_);
    }
    static result<session> open(const char *dir = nullptr,
                                const lode_open_options *options = nullptr)
    {
        lode *db = nullptr;
        lode_err err = lode_open(dir, options, &db);
        return err != LODE_OK ? result<session>(err) : result<session>(session(db));
    }
    /* For all calls of lode.h. The session stays this value's. */
    lode *handle() const noexcept
    {
        return db_;
    }

    /* options->id: none of lode_reserve(). create_under() is for these. */
    result<draft> create(std::size_t size_bytes, std::int64_t timeout_ms = LODE_FOREVER,
                         const lode_create_options *options = nullptr) const
    {
        lode_draft raw{};
        lode_err err = lode_create(db_, size_bytes, options, timeout_ms, &raw);
        return err != LODE_OK ? result<draft>(err) : result<draft>(draft(db_, raw));
    }
    /* An id to create under later. Others may wait for it from now on, and keep it. */
    result<id> reserve() const
    {
        lode_id raw{};
        lode_err err = lode_reserve(db_, 1, &raw);
        return err != LODE_OK ? result<id>(err) : result<id>(id(db_, raw));
    }
    /*
     * create() under an id of reserve(). `reserved` is empty after LODE_OK: its reference is the
     * draft's, and seal() gives it back. options->id is not looked at.
     */
    result<draft> create_under(id &reserved, std::size_t size_bytes,
                               std::int64_t timeout_ms = LODE_FOREVER,
                               const lode_create_options *options = nullptr) const
    {
        lode_create_options under = options != nullptr ? *options : lode_create_options{};
        under.struct_size = options != nullptr ? options->struct_size : sizeof under;
        under.id = reserved;
        lode_draft raw{};
        lode_err err = lode_create(db_, size_bytes, &under, timeout_ms, &raw);
        return err != LODE_OK ? result<draft>(err)
                              : result<draft>(draft(db_, raw, std::move(reserved)));
    }
    /* Of LODE_MAX_NDIM axes at most. Errors: LODE_EINVAL also for more. */
    template <class T>
    result<draft> create_array(std::initializer_list<std::int64_t> shape,
                               std::int64_t timeout_ms = LODE_FOREVER) const
    {
        lode_array array = array_of<T>(shape);
        lode_draft raw{};
        lode_err err = lode_create_array(db_, &array, timeout_ms, &raw);
        return err != LODE_OK ? result<draft>(err) : result<draft>(draft(db_, raw, array.dtype));
    }
    result<id> put(const void *data, std::size_t size_bytes,
                   std::int64_t timeout_ms = LODE_FOREVER) const
    {
        lode_id raw{};
        lode_err err = lode_put(db_, data, size_bytes, timeout_ms, &raw);
        return err != LODE_OK ? result<id>(err) : result<id>(id(db_, raw));
    }
    /* put() under an id of reserve(). `reserved` is empty after LODE_OK: it is the result. */
    result<id> put_under(id &reserved, const void *data, std::size_t size_bytes,
                         std::int64_t timeout_ms = LODE_FOREVER) const
    {
        lode_create_options under{};
        under.struct_size = sizeof under;
        under.id = reserved;
        lode_err err = lode_put_with(db_, data, size_bytes, &under, timeout_ms, nullptr);
        return err != LODE_OK ? result<id>(err) : result<id>(std::move(reserved));
    }
    /* `data` has as many elements as the shape says. */
    template <class T>
    result<id> put_array(const T *data, std::initializer_list<std::int64_t> shape,
                         std::int64_t timeout_ms = LODE_FOREVER) const
    {
        lode_array array = array_of<T>(shape);
        lode_id raw{};
        lode_err err = lode_put_array(db_, &array, data, timeout_ms, &raw);
        return err != LODE_OK ? result<id>(err) : result<id>(id(db_, raw));
    }
    result<view> get(const lode_id &object, std::int64_t timeout_ms = LODE_FOREVER) const
    {
        lode_view raw{};
        lode_err err = lode_get(db_, object, timeout_ms, &raw);
        return err != LODE_OK ? result<view>(err) : result<view>(view(raw));
    }

    /*
     * lode_wait(): how many of them are there, also with LODE_ETIMEDOUT. `ready` has `count`
     * booleans, or is nullptr.
     */
    result<std::size_t> wait(const lode_id *ids, std::size_t count, std::size_t want,
                             std::int64_t timeout_ms = LODE_FOREVER, bool *ready = nullptr) const
    {
        std::size_t there = 0;
        lode_err err = lode_wait(db_, ids, count, want, timeout_ms, ready, &there);
        return result<std::size_t>(err, std::move(there));
    }
    /* Errors: LODE_ENOMEM also for a list of the ids. */
    result<std::size_t> wait(const id *ids, std::size_t count, std::size_t want,
                             std::int64_t timeout_ms = LODE_FOREVER, bool *ready = nullptr) const
    {
        if (count > UINT32_MAX / 4) { /* the call refuses it; new[] of far too many throws */
            const lode_id unread{};
            return wait(&unread, count, want, timeout_ms, ready);
        }
        std::unique_ptr<lode_id[]> raw(new (std::nothrow) lode_id[count]);
        if (raw == nullptr) {
            return LODE_ENOMEM;
        }
        for (std::size_t i = 0; i < count; i++) {
            raw[i] = ids[i];
        }
        return wait(raw.get(), count, want, timeout_ms, ready);
    }
    result<wait_set> open_wait_set() const
    {
        lode_waitset *raw = nullptr;
        lode_err err = lode_waitset_open(db_, &raw);
        return err != LODE_OK ? result<wait_set>(err) : result<wait_set>(wait_set(raw));
    }
    /* reset() of each of them, at a fraction of the cost. */
    void drop_many(id *ids, std::size_t count) const noexcept
    {
        constexpr std::size_t most = 256;
        lode_id some[most];
        std::size_t n = 0;
        for (std::size_t i = 0; i < count; i++) {
            if (ids[i].db_ != db_) {
                ids[i].reset(); /* it is another session's, or empty */
                continue;
            }
            some[n++] = ids[i].leave();
            if (n == most) {
                lode_drop_many(db_, some, n);
                n = 0;
            }
        }
        lode_drop_many(db_, some, n);
    }

    /* `space` NULL: the default one. */
    LODE_MUST_CHECK lode_err set_name(const char *space, const char *name, const lode_id &object,
                                      std::uint32_t flags = 0) const
    {
        return lode_name_set(db_, space, name, object, flags);
    }
    LODE_MUST_CHECK lode_err remove_name(const char *space, const char *name) const
    {
        return lode_name_remove(db_, space, name);
    }
    /* Its object. */
    result<id> lookup_name(const char *space, const char *name,
                           std::int64_t timeout_ms = LODE_FOREVER) const
    {
        lode_id raw{};
        lode_err err = lode_name_lookup(db_, space, name, timeout_ms, &raw);
        return err != LODE_OK ? result<id>(err) : result<id>(id(db_, raw));
    }
    result<view> get_name(const char *space, const char *name,
                          std::int64_t timeout_ms = LODE_FOREVER) const
    {
        lode_view raw{};
        lode_err err = lode_name_get(db_, space, name, timeout_ms, &raw);
        return err != LODE_OK ? result<view>(err) : result<view>(view(raw));
    }
    /* With the error of a task that the name is bound to, value().number is its version. */
    result<version> wait_name(const char *space, const char *name, std::uint64_t after_version,
                              std::int64_t timeout_ms = LODE_FOREVER) const
    {
        lode_view raw{};
        std::uint64_t number = 0;
        lode_err err = lode_name_wait(db_, space, name, after_version, timeout_ms, &raw, &number);
        return err != LODE_OK ? result<version>(err, version{view(), number})
                              : result<version>(version{view(raw), number});
    }

  private:
    template <class T> static lode_array array_of(std::initializer_list<std::int64_t> shape)
    {
        static_assert(dtype_of<T>() != 0, "an array's elements are numbers or bools");
        lode_array array{};
        array.dtype = dtype_of<T>();
        array.ndim = static_cast<std::int32_t>(shape.size());
        std::int32_t axis = 0;
        for (std::int64_t extent : shape) {
            if (axis < LODE_MAX_NDIM) {
                array.shape[axis++] = extent;
            }
        }
        return array;
    }

    lode *db_ = nullptr;
};

#endif
