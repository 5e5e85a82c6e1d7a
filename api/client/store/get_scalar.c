#include <lode/object.h>

#include "api/base/fail.h"

#include <string.h>

static lode_err
get_scalar(lode *db, lode_id id, int64_t timeout_ms, lode_dtype dtype, void *value_out)
{
    lode_view view;
    LODE_NEED("lode_get of a scalar", value_out);
    LODE_TRY(lode_get(db, id, timeout_ms, &view));
    bool fits = view.kind == LODE_KIND_ARRAY && view.array.ndim == 0 && view.array.dtype == dtype;
    lode_err err = LODE_OK;
    if (fits) {
        memcpy(value_out, view.data, sizeof(uint64_t));
    } else {
        err = lode_fail_with(LODE_ETYPE, "the object is %s of %d axes of %s, not a scalar %s",
                             view.kind == LODE_KIND_ARRAY ? "an array" : "bytes, as an array",
                             (int)view.array.ndim, lode_dtype_name(view.array.dtype),
                             lode_dtype_name(dtype));
    }
    lode_release(&view);
    return err;
}

lode_err
lode_get_i64(lode *db, lode_id id, int64_t timeout_ms, int64_t *value_out)
{
    return get_scalar(db, id, timeout_ms, LODE_I64, value_out);
}

lode_err
lode_get_f64(lode *db, lode_id id, int64_t timeout_ms, double *value_out)
{
    return get_scalar(db, id, timeout_ms, LODE_F64, value_out);
}
