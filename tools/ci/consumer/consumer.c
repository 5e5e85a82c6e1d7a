/* A program outside the tree: an object, a name and a task, in a cluster of its own. */
#include <lode/lode.h>

#include <stdio.h>

static lode_err
run(lode *db)
{
    const double v[] = {1, 2, 3, 4};
    lode_array array = {.dtype = LODE_F64, .ndim = 1, .shape = {4}};
    lode_id id;
    lode_id sum;
    double value;
    LODE_TRY(lode_put_array(db, &array, v, 0, &id));
    LODE_TRY(lode_name_set(db, NULL, "v", id, 0));
    LODE_TRY(lode_call(db, "blas.sum", LODE_ARGS(lode_ref(id)), NULL, &sum));
    LODE_TRY(lode_get_f64(db, sum, 20000, &value));
    lode_drop(db, id);
    lode_drop(db, sum);
    printf("%s %g\n", lode_version(), value);
    return LODE_OK;
}

int
main(void)
{
    lode *db = NULL;
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_PRIVATE,
                                 .num_cpus = 1,
                                 .capacity_bytes = 16 << 20};
    lode_err err = lode_open(NULL, &options, &db);
    if (err == LODE_OK) {
        err = run(db);
    }
    if (err != LODE_OK) {
        fprintf(stderr, "%s: %s\n", lode_err_name(err), lode_last_error());
    }
    lode_close(db);
    return err != LODE_OK;
}
