#include "tools/npy/source.h"

#include "api/base/fail.h"
#include "tools/npy/npy_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static lode_err
open_path(const char *path, int *fd_out)
{
    int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                    : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? lode_fail_with(LODE_ENOTFOUND, "there is no such file")
                               : lode_fail_errno("cannot be opened");
    }
    *fd_out = fd;
    return LODE_OK;
}

static bool
is_npy_name(const char *path)
{
    size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".npy") == 0;
}

/* Up to NPY_PREFIX bytes; fewer only at the end of the file. */
static lode_err
read_first(struct npy_source *source)
{
    while (source->first_size < sizeof source->first) {
        ssize_t n = read(source->fd, source->first + source->first_size,
                         sizeof source->first - source->first_size);
        if (n == 0) {
            return LODE_OK;
        }
        if (n < 0 && errno != EINTR) {
            return lode_fail_errno("cannot read");
        }
        source->first_size += n > 0 ? (size_t)n : 0;
    }
    return LODE_OK;
}

/* A regular file has its size: all elements must be there. What is behind them is left alone. */
static lode_err
check_npy_size(const struct npy_source *source, const struct stat *st)
{
    uint64_t should = (uint64_t)source->npy.header_bytes + source->npy.data_bytes;
    if (S_ISREG(st->st_mode) && (uint64_t)st->st_size < should) {
        return lode_fail_with(LODE_ECORRUPT,
                              "the .npy file has %llu bytes, and by its header it should have %llu",
                              (unsigned long long)st->st_size, (unsigned long long)should);
    }
    return LODE_OK;
}

/* A file of sysfs says that it has a page, and has less. */
static bool
is_of_kernel(int fd)
{
    struct statfs system;
    return fstatfs(fd, &system) == 0 && system.f_type == SYSFS_MAGIC;
}

static lode_err
look(struct npy_source *source, const char *path, bool raw)
{
    struct stat st;
    if (fstat(source->fd, &st) != 0) {
        return lode_fail_errno("cannot be looked at");
    }
    if (S_ISDIR(st.st_mode)) {
        return lode_fail_with(LODE_EINVAL, "it is a directory");
    }
    LODE_TRY(read_first(source));
    if (!raw && npy_is(source->first, source->first_size)) {
        LODE_TRY(npy_read_header(source->fd, source->first, source->first_size, &source->npy));
        LODE_TRY(check_npy_size(source, &st));
        source->is_array = true;
        source->knows_size = true;
        source->size = source->npy.data_bytes;
        return LODE_OK;
    }
    if (!raw && is_npy_name(path)) {
        return lode_fail_with(LODE_ECORRUPT,
                              "it is called .npy and is none: it does not begin with \\x93NUMPY");
    }
    source->knows_size = S_ISREG(st.st_mode) && (size_t)st.st_size >= source->first_size &&
                         !is_of_kernel(source->fd);
    source->size = source->knows_size ? (size_t)st.st_size : 0;
    return LODE_OK;
}

lode_err
source_open(const char *path, bool raw, struct npy_source *source_out)
{
    struct npy_source source = {0};
    LODE_TRY(open_path(path, &source.fd));
    lode_err err = look(&source, path, raw);
    if (err != LODE_OK) {
        close(source.fd);
        return err;
    }
    *source_out = source;
    return LODE_OK;
}

void
source_close(struct npy_source *source)
{
    close(source->fd);
}

/* The rest of a file whose size is known, behind what was read of it already. */
static lode_err
fill(struct npy_source *source, void *data)
{
    size_t had = source->is_array ? 0 : source->first_size;
    size_t before = source->is_array ? source->npy.header_bytes : had;
    memcpy(data, source->first, had);
    LODE_TRY(npy_read(source->fd, (char *)data + had, source->size - had, before));
    if (source->is_array) {
        npy_turn(&source->npy, data);
    }
    return LODE_OK;
}

static lode_err
put_known(struct npy_source *source, lode *db, int64_t timeout_ms, lode_id *id_out)
{
    lode_draft draft;
    lode_create_options options = {.struct_size = sizeof options,
                                   .array = source->is_array ? &source->npy.array : NULL};
    LODE_TRY(lode_create(db, source->size, &options, timeout_ms, &draft));
    lode_err err = fill(source, draft.data);
    if (err != LODE_OK) {
        lode_abort(&draft);
        return err;
    }
    return lode_seal(&draft, id_out);
}

struct buffer {
    char *bytes;
    size_t size, room;
};

static lode_err
buffer_more(struct buffer *buffer)
{
    if (buffer->size < buffer->room) {
        return LODE_OK;
    }
    size_t room = buffer->room > 0 ? buffer->room * 2 : 1 << 20;
    char *bytes = realloc(buffer->bytes, room);
    if (bytes == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for the %zu bytes read so far: put a file",
                              buffer->size);
    }
    buffer->bytes = bytes;
    buffer->room = room;
    return LODE_OK;
}

/* A pipe's bytes, to its end; it may have none, so no more than the store could ever hold. */
static lode_err
read_rest(struct npy_source *source, uint64_t most, struct buffer *buffer)
{
    for (;;) {
        if (buffer->size > most) {
            return lode_fail_with(LODE_ETOOBIG,
                                  "it is more than the whole store, which has %llu bytes",
                                  (unsigned long long)most);
        }
        LODE_TRY(buffer_more(buffer));
        ssize_t n = read(source->fd, buffer->bytes + buffer->size, buffer->room - buffer->size);
        if (n == 0) {
            return LODE_OK;
        }
        if (n < 0 && errno != EINTR) {
            return lode_fail_errno("cannot read");
        }
        buffer->size += n > 0 ? (size_t)n : 0;
    }
}

static lode_err
put_unknown(struct npy_source *source, lode *db, int64_t timeout_ms, lode_id *id_out)
{
    struct buffer buffer = {0};
    lode_store_stats stats;
    LODE_TRY(lode_get_store_stats(db, &stats));
    lode_err err = buffer_more(&buffer);
    if (err == LODE_OK) {
        memcpy(buffer.bytes, source->first, source->first_size);
        buffer.size = source->first_size;
        err = read_rest(source, stats.capacity_bytes, &buffer);
    }
    if (err == LODE_OK) {
        source->size = buffer.size;
        err = lode_put(db, buffer.bytes, buffer.size, timeout_ms, id_out);
    }
    free(buffer.bytes);
    return err;
}

lode_err
source_put(struct npy_source *source, lode *db, int64_t timeout_ms, lode_id *id_out,
           uint64_t *size_bytes_out)
{
    LODE_TRY(source->knows_size ? put_known(source, db, timeout_ms, id_out)
                                : put_unknown(source, db, timeout_ms, id_out));
    *size_bytes_out = source->size;
    return LODE_OK;
}
