#include "scheduler/libraries/library.h"

#include "api/base/fail.h"
#include "api/cluster/tree.h"
#include "scheduler/libraries/neighbours.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { BUFFER_BYTES = 1 << 20 };

/* What is copied, on its way. */
struct copy {
    const char *path;
    int from, to;
    char *buffer;
    XXH3_state_t *hash;
    char temporary[LIBRARY_PATH_MAX];
    struct neighbours neighbours;
};

/* O_NONBLOCK: a FIFO or a device must not hold us up; what is no regular file is refused. */
static lode_err
open_source(const char *path, int *fd_out)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        lode_err err = lode_fail_errno("cannot open the library '%.500s'", path);
        return lode_fail_with(err == LODE_ENOMEM ? err : LODE_ELIBRARY, "%s", lode_last_error());
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return lode_fail_with(LODE_ELIBRARY, "'%.500s' is not a regular file", path);
    }
    if (st.st_size > LIBRARY_BYTES_MAX) {
        close(fd);
        return lode_fail_with(LODE_ELIBRARY, "the library '%.500s' has %lld bytes; at most %d",
                              path, (long long)st.st_size, LIBRARY_BYTES_MAX);
    }
    *fd_out = fd;
    return LODE_OK;
}

static lode_err
open_temporary(struct copy *copy, const char *dir)
{
    static _Atomic unsigned count;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return lode_fail_errno("cannot make the directory '%s'", dir);
    }
    int size = snprintf(copy->temporary, sizeof copy->temporary, "%s/.new-%d-%u", dir,
                        (int)getpid(), atomic_fetch_add(&count, 1));
    if (size < 0 || (size_t)size >= sizeof copy->temporary) {
        return lode_fail_with(LODE_ESYS, "the path '%.200s…' is too long", dir);
    }
    unlink(copy->temporary); /* of a process that died, and had our number */
    copy->to = open(copy->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return copy->to < 0 ? lode_fail_errno("cannot make '%s'", copy->temporary) : LODE_OK;
}

static lode_err
write_all(const struct copy *copy, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = write(copy->to, copy->buffer + done, size - done);
        if (put < 0 && errno != EINTR) {
            return lode_fail_errno("cannot write the copy '%s'", copy->temporary);
        }
        done += put > 0 ? (size_t)put : 0;
    }
    return LODE_OK;
}

/* The digest is that of the bytes that were written, whatever becomes of the source meanwhile. */
static lode_err
copy_bytes(struct copy *copy)
{
    size_t total = 0;
    ssize_t got;
    XXH3_128bits_reset(copy->hash);
    while ((got = read(copy->from, copy->buffer, BUFFER_BYTES)) != 0) {
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            (void)lode_fail_errno("cannot read the library '%.500s'", copy->path);
            return lode_fail_with(LODE_ELIBRARY, "%s", lode_last_error());
        }
        total += (size_t)got;
        if (total > LIBRARY_BYTES_MAX) {
            return lode_fail_with(LODE_ELIBRARY, "the library '%.500s' grows while it is read",
                                  copy->path);
        }
        XXH3_128bits_update(copy->hash, copy->buffer, (size_t)got);
        LODE_TRY(write_all(copy, (size_t)got));
    }
    return total > 0 ? LODE_OK
                     : lode_fail_with(LODE_ELIBRARY, "the library '%.500s' is empty", copy->path);
}

/*
 * The same bytes in another directory may find other neighbours, and others once a neighbour has
 * been built anew.
 */
static lode_err
look_for_origin(struct copy *copy)
{
    struct stat st;
    if (fstat(copy->to, &st) != 0) {
        return lode_fail_errno("cannot look at the copy '%s'", copy->temporary);
    }
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, copy->to, 0);
    if (bytes == MAP_FAILED) {
        return lode_fail_errno("cannot map the copy '%s'", copy->temporary);
    }
    char origin[LIBRARY_PATH_MAX];
    size_t length = (size_t)(strrchr(copy->path, '/') - copy->path);
    snprintf(origin, sizeof origin, "%.*s", (int)length, copy->path);
    neighbours_find(bytes, (size_t)st.st_size, origin, &copy->neighbours);
    munmap(bytes, (size_t)st.st_size);
    if (copy->neighbours.count > 0) {
        XXH3_128bits_update(copy->hash, copy->path, length);
        XXH3_128bits_update(copy->hash, &copy->neighbours.state, sizeof copy->neighbours.state);
    }
    return LODE_OK;
}

/* The copy, or the directory that it lies in; as snprintf() does. */
static int
copy_path(const struct copy *copy, const char *dir, char path_out[LIBRARY_PATH_MAX])
{
    XXH128_hash_t digest = XXH3_128bits_digest(copy->hash);
    return snprintf(path_out, LIBRARY_PATH_MAX, "%s/%016llx%016llx%s", dir,
                    (unsigned long long)digest.high64, (unsigned long long)digest.low64,
                    copy->neighbours.count > 0 ? "" : ".so");
}

static lode_err
choose_place(const struct copy *copy, const char *dir, char *copy_out)
{
    char origin[LIBRARY_PATH_MAX], place[LIBRARY_PATH_MAX];
    bool is_deep = copy->neighbours.count > 0;
    int size = copy_path(copy, dir, copy_out);
    if (size >= 0 && size < LIBRARY_PATH_MAX && is_deep) {
        snprintf(origin, sizeof origin, "%.*s", (int)(strrchr(copy->path, '/') - copy->path),
                 copy->path);
        if (!neighbours_make(&copy->neighbours, origin, copy_out, place, sizeof place)) {
            return lode_fail_errno("cannot make a place for a copy in '%s'", copy_out);
        }
        size = snprintf(copy_out, LIBRARY_PATH_MAX, "%s/library.so", place);
    }
    return size >= 0 && size < LIBRARY_PATH_MAX
               ? LODE_OK
               : lode_fail_with(LODE_ESYS, "the path '%.200s…' is too long", dir);
}

/* What was made around a copy that is not there goes again. */
static void
clear_place(const struct copy *copy, const char *dir)
{
    char path[LIBRARY_PATH_MAX];
    int size = copy_path(copy, dir, path);
    if (copy->neighbours.count > 0 && size >= 0 && size < LIBRARY_PATH_MAX) {
        lode_tree_remove(path);
    }
}

static lode_err
put_in_place(struct copy *copy, const char *dir, char *copy_out)
{
    struct stat st;
    LODE_TRY(look_for_origin(copy));
    lode_err err = choose_place(copy, dir, copy_out);
    bool was_there = err == LODE_OK && stat(copy_out, &st) == 0;
    /* An older copy is replaced: it may have been damaged, and those who have it open keep it. */
    if (err == LODE_OK && (fchmod(copy->to, 0500) != 0 || rename(copy->temporary, copy_out) != 0)) {
        err = lode_fail_errno("cannot put the copy at '%s'", copy_out);
    }
    if (err != LODE_OK && !was_there) {
        clear_place(copy, dir);
    }
    return err;
}

static lode_err
copy_to(struct copy *copy, const char *dir, char *copy_out)
{
    LODE_TRY(open_temporary(copy, dir));
    lode_err err = copy_bytes(copy);
    if (err == LODE_OK) {
        err = put_in_place(copy, dir, copy_out);
    }
    if (err != LODE_OK) {
        unlink(copy->temporary);
    }
    close(copy->to);
    return err;
}

lode_err
library_copy(const char *path, const char *dir, char *copy_out)
{
    struct copy copy = {.path = path};
    lode_err err;
    if (path[0] != '/') {
        return lode_fail_with(LODE_ELIBRARY, "'%.500s' is not an absolute path", path);
    }
    LODE_TRY(open_source(path, &copy.from));
    copy.buffer = malloc(BUFFER_BYTES);
    copy.hash = XXH3_createState();
    err = copy.buffer != NULL && copy.hash != NULL
              ? copy_to(&copy, dir, copy_out)
              : lode_fail_with(LODE_ENOMEM, "no memory to copy '%.500s'", path);
    XXH3_freeState(copy.hash);
    free(copy.buffer);
    close(copy.from);
    return err;
}
