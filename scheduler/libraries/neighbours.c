#include "scheduler/libraries/neighbours.h"

#include "scheduler/libraries/needed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { PATH_ROOM = 4096, COPY_BYTES = 1 << 20 };

/* ---- finding -------------------------------------------------------------------------------- */

/* `base`: the place of whose library these are the bytes. */
static void
note(struct neighbours *neighbours, const char *base, const char *at, const char *end)
{
    char place[sizeof neighbours->place[0]];
    size_t size = 0;
    while (at + size < end && at[size] != '\0' && at[size] != ':') {
        size++;
    }
    if ((size > 0 && at[0] != '/') || strlen(base) + size >= sizeof place || at + size == end) {
        return;
    }
    snprintf(place, sizeof place, "%s%.*s", base, (int)size, at);
    for (size_t i = 0; i < neighbours->count; i++) {
        if (strcmp(neighbours->place[i], place) == 0) {
            return;
        }
    }
    if (neighbours->count < NEIGHBOURS_PLACES_MAX) {
        memcpy(neighbours->place[neighbours->count++], place, sizeof place);
    }
}

static void
find_word(const void *bytes, size_t size, const char *word, const char *base,
          struct neighbours *neighbours)
{
    const char *at = bytes, *end = at + size;
    size_t length = strlen(word);
    while ((at = memmem(at, (size_t)(end - at), word, length)) != NULL) {
        at += length;
        note(neighbours, base, at, end);
    }
}

static void
find_places(const void *bytes, size_t size, const char *base, struct neighbours *neighbours)
{
    find_word(bytes, size, "$ORIGIN", base, neighbours);
    find_word(bytes, size, "${ORIGIN}", base, neighbours);
}

/* ---- what is needed -------------------------------------------------------------------------- */

struct search {
    const char *origin;
    struct neighbours *neighbours;
};

static bool
is_noted(const struct neighbours *neighbours, const char *name)
{
    for (size_t i = 0; i < neighbours->needed_count; i++) {
        if (strcmp(neighbours->needed[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* The loader takes the first place that has it. */
static void
note_needed(const char *name, void *arg)
{
    const struct search *search = arg;
    struct neighbours *all = search->neighbours;
    char path[PATH_ROOM];
    struct stat st;
    if (strchr(name, '/') != NULL || strlen(name) >= sizeof all->needed[0].name ||
        all->needed_count == NEIGHBOURS_NEEDED_MAX || is_noted(all, name)) {
        return;
    }
    for (size_t i = 0; i < all->count; i++) {
        int size = snprintf(path, sizeof path, "%s%s/%s", search->origin, all->place[i], name);
        if (size < PATH_ROOM && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            const uint64_t now[] = {all->state,
                                    st.st_dev,
                                    st.st_ino,
                                    (uint64_t)st.st_size,
                                    (uint64_t)st.st_mtim.tv_sec,
                                    (uint64_t)st.st_mtim.tv_nsec};
            all->needed[all->needed_count].place = i;
            strcpy(all->needed[all->needed_count++].name, name);
            all->state = XXH3_64bits(now, sizeof now);
            return;
        }
    }
}

/* What that one speaks of, and needs, is found as well. */
static void
follow(struct search *search, size_t nth)
{
    struct neighbours *all = search->neighbours;
    const char *base = all->place[all->needed[nth].place];
    char path[PATH_ROOM];
    struct stat st;
    snprintf(path, sizeof path, "%s%s/%s", search->origin, base, all->needed[nth].name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    void *bytes = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0
                      ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
                      : MAP_FAILED;
    if (bytes != MAP_FAILED) {
        find_places(bytes, (size_t)st.st_size, base, all);
        needed_each(bytes, (size_t)st.st_size, note_needed, search);
        munmap(bytes, (size_t)st.st_size);
    }
    if (fd >= 0) {
        close(fd);
    }
}

void
neighbours_find(const void *bytes, size_t size, const char *origin,
                struct neighbours *neighbours_out)
{
    struct search search = {origin, neighbours_out};
    *neighbours_out = (struct neighbours){.count = 0};
    find_places(bytes, size, "", neighbours_out);
    needed_each(bytes, size, note_needed, &search);
    for (size_t i = 0; i < neighbours_out->needed_count; i++) {
        follow(&search, i);
    }
}

/* ---- making --------------------------------------------------------------------------------- */

/*
 * Goes from `dir` along `place`, and makes what is missing. All of it are true directories, so ".."
 * is the part before. False: it would lead out of `root`, or cannot be made.
 */
static bool
walk(const char *root, const char *dir, const char *place, char *path_out)
{
    size_t least = strlen(root);
    snprintf(path_out, PATH_ROOM, "%s", dir);
    while (*place != '\0') {
        place += strspn(place, "/");
        size_t size = strcspn(place, "/"), length = strlen(path_out);
        if (size == 2 && memcmp(place, "..", 2) == 0) {
            *strrchr(path_out, '/') = '\0';
            if (strlen(path_out) <= least) {
                return false;
            }
        } else if (size > 0 && !(size == 1 && *place == '.')) {
            if (length + 1 + size >= PATH_ROOM) {
                return false;
            }
            snprintf(path_out + length, PATH_ROOM - length, "/%.*s", (int)size, place);
            if (mkdir(path_out, 0700) != 0 && errno != EEXIST) {
                return false;
            }
        }
        place += size;
    }
    return true;
}

/* What is there already stays: it has the same name, and so the same bytes. */
static bool
copy_file(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int out = in >= 0 ? open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500) : -1;
    bool done = out >= 0 || (in >= 0 && errno == EEXIST);
    ssize_t put = out >= 0 ? 1 : 0;
    while (put > 0) {
        put = sendfile(out, in, NULL, COPY_BYTES);
    }
    int error = errno;
    done = done && put == 0;
    if (in >= 0) {
        close(in);
    }
    if (out >= 0) {
        close(out);
    }
    errno = error;
    return done;
}

/* Those that are needed and lie at that place. */
static bool
copy_needed(const struct neighbours *all, size_t place, const char *from, const char *to)
{
    char original[PATH_ROOM], copy[PATH_ROOM];
    for (size_t i = 0; i < all->needed_count; i++) {
        const char *name = all->needed[i].name;
        if (all->needed[i].place == place &&
            snprintf(original, sizeof original, "%s/%s", from, name) < PATH_ROOM &&
            snprintf(copy, sizeof copy, "%s/%s", to, name) < PATH_ROOM &&
            !copy_file(original, copy)) {
            return false;
        }
    }
    return true;
}

/* Links to each library of `from`; what is there already stays. */
static bool
link_all(const char *from, const char *to)
{
    char original[PATH_ROOM], link[PATH_ROOM];
    DIR *dir = opendir(from);
    size_t count = 0;
    int error = 0;
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        int a = snprintf(original, sizeof original, "%s/%s", from, entry->d_name);
        int b = snprintf(link, sizeof link, "%s/%s", to, entry->d_name);
        if (strstr(entry->d_name, ".so") != NULL && a < PATH_ROOM && b < PATH_ROOM &&
            ++count <= NEIGHBOURS_FILES_MAX) {
            error = symlink(original, link) == 0 || errno == EEXIST ? error : errno;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    errno = error;
    return error == 0;
}

bool
neighbours_make(const struct neighbours *neighbours, const char *origin, const char *root,
                char *dir_out, size_t room)
{
    char to[PATH_ROOM], from[PATH_ROOM];
    snprintf(dir_out, room, "%s", root);
    for (int i = 0; i <= NEIGHBOURS_DEPTH; i++) {
        size_t length = strlen(dir_out);
        if (i > 0 && (size_t)snprintf(dir_out + length, room - length, "/%d", i) >= room - length) {
            errno = ENAMETOOLONG;
            return false;
        }
        if (mkdir(dir_out, 0700) != 0 && errno != EEXIST) {
            return false;
        }
    }
    for (size_t i = 0; i < neighbours->count; i++) {
        int size = snprintf(from, sizeof from, "%s%s", origin, neighbours->place[i]);
        if (size < PATH_ROOM && walk(root, dir_out, neighbours->place[i], to) &&
            !(copy_needed(neighbours, i, from, to) && link_all(from, to))) {
            return false;
        }
    }
    return true;
}
