#include "tools/npy/npy_io.h"

#include "api/base/fail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* read() and write() move at most 2 GiB at once. */
#define PIECE ((size_t)1 << 30)

/* Elements of an array with gaps are gathered into a buffer of so many bytes. */
enum { GATHER = 1 << 20 };

lode_err
npy_read(int fd, void *bytes, size_t size, size_t before)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, (char *)bytes + done, size - done < PIECE ? size - done : PIECE);
        if (n == 0) {
            return lode_fail_with(LODE_ECORRUPT, "the file ends after %zu of %zu bytes",
                                  before + done, before + size);
        }
        if (n < 0 && errno != EINTR) {
            return lode_fail_errno("cannot read");
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return LODE_OK;
}

lode_err
npy_write_all(int fd, const void *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n =
            write(fd, (const char *)bytes + done, size - done < PIECE ? size - done : PIECE);
        if (n < 0 && errno != EINTR) {
            return lode_fail_errno("cannot write");
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return LODE_OK;
}

lode_err
npy_read_header(int fd, const void *first, size_t first_size, struct npy *npy_out)
{
    char prefix[NPY_PREFIX];
    size_t size;
    memcpy(prefix, first, first_size);
    LODE_TRY(npy_read(fd, prefix + first_size, sizeof prefix - first_size, first_size));
    LODE_TRY(npy_header_size(prefix, sizeof prefix, &size));
    if (size < sizeof prefix) {
        return lode_fail_with(LODE_ECORRUPT, "the .npy file's header has %zu bytes: too few", size);
    }
    char *header = malloc(size);
    if (header == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the header");
    }
    memcpy(header, prefix, sizeof prefix);
    lode_err err = npy_read(fd, header + sizeof prefix, size - sizeof prefix, sizeof prefix);
    if (err == LODE_OK) {
        err = npy_parse(header, size, npy_out);
    }
    free(header);
    return err;
}

struct gather {
    int fd;
    size_t element, used;
    char *buffer;
};

static lode_err
gather_one(struct gather *g, const char *element)
{
    if (g->used + g->element > GATHER) {
        LODE_TRY(npy_write_all(g->fd, g->buffer, g->used));
        g->used = 0;
    }
    memcpy(g->buffer + g->used, element, g->element);
    g->used += g->element;
    return LODE_OK;
}

/* Writes the elements in C order, by an odometer over the axes. */
static lode_err
write_gathered(struct gather *g, const lode_array *array, const char *data)
{
    int64_t at[LODE_MAX_NDIM] = {0}, count = lode_array_count(array), offset = 0;
    for (int64_t i = 0; i < count; i++) {
        LODE_TRY(gather_one(g, data + (size_t)offset * g->element));
        for (int axis = array->ndim - 1; axis >= 0; axis--) {
            offset += array->strides[axis];
            if (++at[axis] < array->shape[axis]) {
                break;
            }
            offset -= array->strides[axis] * array->shape[axis];
            at[axis] = 0;
        }
    }
    return npy_write_all(g->fd, g->buffer, g->used);
}

lode_err
npy_write(int fd, const lode_array *array, const void *data)
{
    char header[NPY_WRITE_MAX];
    size_t size, bytes;
    lode_array filled = *array;
    LODE_TRY(npy_format(array, header, &size));
    LODE_TRY(npy_write_all(fd, header, size));
    LODE_TRY(lode_array_size(array, &bytes));
    lode_array_fill_strides(&filled);
    if (lode_array_is_contiguous(&filled) || npy_is_fortran(&filled)) {
        return npy_write_all(fd, data, bytes);
    }
    struct gather g = {.fd = fd, .element = lode_dtype_size(array->dtype)};
    g.buffer = malloc(GATHER);
    if (g.buffer == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory to gather the elements of an array");
    }
    lode_err err = write_gathered(&g, &filled, data);
    free(g.buffer);
    return err;
}
