/*
 * `lode matmul`: X goes into the store once; one task for each Y reads it there in place. At most
 * IN_FLIGHT Ys and products lie in the store at a time, so that there may be more of them than fit.
 */
#include "api/base/clock.h"
#include "api/base/fail.h"
#include "api/cluster/paths.h"
#include "tools/cli/document.h"
#include "tools/cli/interrupts.h"
#include "tools/cli/program.h"
#include "tools/lode/calls/array_file.h"
#include "tools/lode/calls/commands.h"
#include "tools/lode/calls/session.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { IN_FLIGHT = 16 };

static const char MATMUL[] = "blas.matmul";

struct product {
    const char *y_path;
    struct array_file file;
    char out_path[PATH_MAX];
    lode_array y;
    lode_array z;
    lode_id result;
};

struct matmul {
    struct session_options session;
    const char *x_path, *out_dir;
    struct array_file x_file;
    lode_array x;
    lode_id x_id;
    struct product *products;
    size_t count;
    lode *db;
    int64_t put_ns, total_ns;
};

static const struct argp_option options[] = {
    {"out", 'o', "DIR", 0, "write the products here, under the names of the Ys (made if need be)",
     0},
    {0},
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct matmul *m = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        session_inputs(state, &m->session);
        return 0;
    case 'o':
        m->out_dir = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (m->x_path == NULL) {
            m->x_path = arg;
        } else {
            m->products[m->count++].y_path = arg;
        }
        return 0;
    case ARGP_KEY_END:
        if (m->count == 0) {
            options_error(state, "which files? X.npy and at least one Y.npy");
        } else if (m->out_dir == NULL) {
            options_error(state, "where to? --out DIR");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse_option,
    "X.npy Y.npy...",
    "Multiply matrices: X @ Y for each Y, as tasks that share one X in memory. Both are f32 or "
    "f64 with two axes. Each product is written to DIR whole, or not at all."
    "\vExit status: 0 ok, 1 failed, 2 usage or shapes that do not fit, 3 no such file, 5 no "
    "cluster, 6 full, 7 a damaged file, 128 + N ended by signal N.",
    session_children,
    0,
    0};

/* ---- what is to be done, and whether it can be --------------------------------------------- */

static lode_err
check_matrix(const char *path, const lode_array *array)
{
    if (array->ndim != 2) {
        return lode_fail_with(LODE_ETYPE, "%s has %d ax%s; a matrix has 2", path, array->ndim,
                              array->ndim == 1 ? "is" : "es");
    }
    if (array->dtype != LODE_F32 && array->dtype != LODE_F64) {
        return lode_fail_with(LODE_ETYPE, "%s is of type %s; f32 and f64 can be multiplied", path,
                              lode_dtype_name(array->dtype));
    }
    return LODE_OK;
}

static lode_err
check_fit(const struct matmul *m, const struct product *p)
{
    LODE_TRY(check_matrix(p->y_path, &p->y));
    if (p->y.dtype != m->x.dtype) {
        return lode_fail_with(LODE_ETYPE, "%s is of type %s, %s of type %s: they must be the same",
                              p->y_path, lode_dtype_name(p->y.dtype), m->x_path,
                              lode_dtype_name(m->x.dtype));
    }
    if (p->y.shape[0] != m->x.shape[1]) {
        return lode_fail_with(LODE_ETYPE,
                              "%s is %" PRId64 " x %" PRId64 ", %s is %" PRId64 " x %" PRId64
                              ": X's columns must be as many as Y's rows",
                              p->y_path, p->y.shape[0], p->y.shape[1], m->x_path, m->x.shape[0],
                              m->x.shape[1]);
    }
    return LODE_OK;
}

static bool
same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

/* No product may take the place of an input, or of another product. */
static lode_err
check_output(const struct matmul *m, size_t index)
{
    const char *path = m->products[index].out_path;
    for (size_t i = 0; i < index; i++) {
        if (strcmp(m->products[i].out_path, path) == 0) {
            return lode_fail_with(LODE_EINVAL, "%s and %s would both be written to %s",
                                  m->products[i].y_path, m->products[index].y_path, path);
        }
    }
    bool is_input = same_file(path, m->x_path);
    for (size_t i = 0; i < m->count && !is_input; i++) {
        is_input = same_file(path, m->products[i].y_path);
    }
    return is_input ? lode_fail_with(LODE_EINVAL, "%s is an input: choose another --out", path)
                    : LODE_OK;
}

static lode_err
plan_product(struct matmul *m, size_t index)
{
    struct product *p = &m->products[index];
    const char *slash = strrchr(p->y_path, '/');
    int length = snprintf(p->out_path, sizeof p->out_path, "%s/%s", m->out_dir,
                          slash != NULL ? slash + 1 : p->y_path);
    if ((size_t)length >= sizeof p->out_path) {
        return lode_fail_with(LODE_EINVAL, "the path of the product of %s is too long", p->y_path);
    }
    LODE_TRY(array_file_look(p->y_path, &p->file, &p->y));
    LODE_TRY(check_fit(m, p));
    return check_output(m, index);
}

static lode_err
plan(struct matmul *m)
{
    LODE_TRY(array_file_look(m->x_path, &m->x_file, &m->x));
    LODE_TRY(check_matrix(m->x_path, &m->x));
    for (size_t i = 0; i < m->count; i++) {
        LODE_TRY(plan_product(m, i));
    }
    if (mkdir(m->out_dir, 0777) != 0 && errno != EEXIST) {
        return lode_fail_errno("cannot make the directory %s", m->out_dir);
    }
    return LODE_OK;
}

/* ---- the work ------------------------------------------------------------------------------ */

static lode_err
submit(struct matmul *m, struct product *p)
{
    lode_id y;
    lode_array again;
    LODE_TRY(array_file_put_looked(m->db, p->y_path, &p->file, &again, &y));
    lode_err err =
        lode_call(m->db, MATMUL, LODE_ARGS(lode_ref(m->x_id), lode_ref(y)), NULL, &p->result);
    lode_drop(m->db, y); /* the submitted task holds it */
    return err;
}

static lode_err
finish(struct matmul *m, struct product *p)
{
    lode_view view;
    LODE_TRY(session_get(m->db, p->result, LODE_NEVER, &view));
    p->z = view.array;
    lode_err err = array_file_write(p->out_path, &view);
    lode_release(&view);
    if (err == LODE_OK) {
        lode_drop(m->db, p->result);
        memset(&p->result, 0, sizeof p->result);
        if (!m->session.common.json) {
            printf("%s  %s[%" PRId64 ", %" PRId64 "]\n", p->out_path, lode_dtype_name(p->z.dtype),
                   p->z.shape[0], p->z.shape[1]);
            fflush(stdout);
        }
    }
    return err;
}

/* Says what failed with the file's name before it, unless the sentence begins with it. */
static int
product_failed(struct matmul *m, const struct product *p, lode_err err)
{
    const char *path = p->y_path;
    bool is_named = strncmp(lode_last_error(), path, strlen(path)) == 0;
    return is_named && interrupts_came() == 0
               ? program_failed(err)
               : session_failed(m->db, p->result, err, path, LODE_FOREVER);
}

static int
multiply_all(struct matmul *m)
{
    size_t submitted = 0, finished = 0;
    while (finished < m->count) {
        struct product *p = &m->products[finished];
        lode_err err = LODE_OK;
        while (submitted < m->count && submitted < finished + IN_FLIGHT && err == LODE_OK) {
            p = &m->products[submitted++];
            err = submit(m, p);
        }
        if (err == LODE_OK) {
            p = &m->products[finished++];
            err = finish(m, p);
        }
        if (err != LODE_OK) {
            return product_failed(m, p, err);
        }
    }
    return EXIT_OK;
}

/* What was not finished is of no use to anybody. */
static void
give_up_rest(struct matmul *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (!lode_id_is_zero(m->products[i].result)) {
            if (lode_cancel(m->db, m->products[i].result, LODE_CANCEL_RECURSIVE) != LODE_OK) {
                break; /* nobody is there to run it, either */
            }
            lode_drop(m->db, m->products[i].result);
        }
    }
}

static void
print_document(const struct matmul *m)
{
    json_t *results = json_array();
    for (size_t i = 0; i < m->count; i++) {
        const struct product *p = &m->products[i];
        json_array_append_new(
            results, json_pack("{s:o, s:o, s:s, s:[I, I]}", "y", document_text(p->y_path), "path",
                               document_text(p->out_path), "dtype", lode_dtype_name(p->z.dtype),
                               "shape", (json_int_t)p->z.shape[0], (json_int_t)p->z.shape[1]));
    }
    document_print(json_pack("{s:s, s:o, s:I, s:I, s:o}", "schema", "lode.matmul/1", "x",
                             document_text(m->x_path), "put_x_ns", (json_int_t)m->put_ns,
                             "total_ns", (json_int_t)m->total_ns, "results", results));
}

static int
run(struct matmul *m)
{
    int64_t began = lode_now_ns();
    lode_err err = session_open(&m->session, &m->db);
    if (err != LODE_OK) {
        return program_failed(err);
    }
    interrupts_catch();
    err = array_file_put_looked(m->db, m->x_path, &m->x_file, &m->x, &m->x_id);
    m->put_ns = lode_now_ns() - began;
    int exit_code = err == LODE_OK ? multiply_all(m) : program_failed(err);
    m->total_ns = lode_now_ns() - began;
    if (exit_code != EXIT_OK) {
        give_up_rest(m);
    } else if (m->session.common.json) {
        print_document(m);
    }
    lode_drop(m->db, m->x_id);
    session_close(m->db);
    return exit_code;
}

int
command_matmul(int argc, char **argv)
{
    struct matmul m = {0};
    m.products = calloc((size_t)argc, sizeof *m.products);
    if (m.products == NULL) {
        return program_error(EXIT_FAILED, "out of memory");
    }
    options_parse(&argp, argc, argv, &m);
    lode_err err = plan(&m);
    int exit_code = err == LODE_OK ? run(&m) : program_failed(err);
    if (err == LODE_EINVAL || err == LODE_ETYPE) {
        exit_code = EXIT_USAGE;
    }
    array_file_close(&m.x_file);
    for (size_t i = 0; i < m.count; i++) {
        array_file_close(&m.products[i].file);
    }
    free(m.products);
    return exit_code;
}
