// The same in C++17: designated options, argument makers and error handling as C++ has them.
#include <lode/lode.h>

#include <cstdio>
#include <stdexcept>
#include <string>

static void
check(lode_err err)
{
    if (err != LODE_OK) {
        throw std::runtime_error(std::string(lode_err_name(err)) + ": " + lode_last_error());
    }
}

static double
sum_of(lode *db, const double *data, int64_t count)
{
    lode_array array{};
    array.dtype = LODE_F64;
    array.ndim = 1;
    array.shape[0] = count;
    lode_id id{};
    lode_id sum{};
    double value = 0;
    check(lode_put_array(db, &array, data, 0, &id));
    check(lode_call(db, "blas.sum", LODE_ARGS(lode_ref(id)), nullptr, &sum));
    check(lode_get_f64(db, sum, 20000, &value));
    lode_drop(db, id);
    lode_drop(db, sum);
    return value;
}

int
main()
{
    lode *db = nullptr;
    lode_open_options options{};
    options.struct_size = sizeof options;
    options.flags = LODE_OPEN_PRIVATE;
    options.num_cpus = 1;
    options.capacity_bytes = 16 << 20;
    try {
        const double v[] = {1, 2, 3, 4};
        check(lode_open(nullptr, &options, &db));
        std::printf("%s %g\n", lode_version(), sum_of(db, v, 4));
    } catch (const std::exception &e) {
        std::fprintf(stderr, "%s\n", e.what());
        lode_close(db);
        return 1;
    }
    lode_close(db);
    return 0;
}
