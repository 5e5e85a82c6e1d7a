#include <lode/error.h>

struct error_row {
    const char *name;
    const char *text;
    const char *advice;
};

static const struct error_row rows[] = {
#define LODE_ERR_ROW(name, value, text, advice) [value] = {#name, text, advice},
    LODE_ERR_MAP(LODE_ERR_ROW)
#undef LODE_ERR_ROW
};

static const struct error_row *
row_of(lode_err err)
{
    static const struct error_row unknown = {"LODE_E?", "unknown error",
                                             "use one version everywhere"};
    size_t i = (size_t)err;
    return i < sizeof rows / sizeof rows[0] && rows[i].name != NULL ? &rows[i] : &unknown;
}

const char *
lode_err_name(lode_err err)
{
    return row_of(err)->name;
}

const char *
lode_err_text(lode_err err)
{
    return row_of(err)->text;
}

const char *
lode_err_advice(lode_err err)
{
    return row_of(err)->advice;
}
