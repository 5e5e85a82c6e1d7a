#include "scheduler/libraries/neighbours.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 4096 };

/* ---- finding -------------------------------------------------------------------------------- */

static void
note(struct neighbours *neighbours, const char *at, const char *end)
{
    size_t size = 0;
    while (at + size < end && at[size] != '\0' && at[size] != ':') {
        size++;
    }
    if ((size > 0 && at[0] != '/') || size >= sizeof neighbours->place[0] || at + size == end ||
        neighbours->count == NEIGHBOURS_PLACES_MAX) {
        return;
    }
    memcpy(neighbours->place[neighbours->count], at, size);
    neighbours->place[neighbours->count++][size] = '\0';
}

static void
find_word(const void *bytes, size_t size, const char *word, struct neighbours *neighbours)
{
    const char *at = bytes, *end = at + size;
    size_t length = strlen(word);
    while ((at = memmem(at, (size_t)(end - at), word, length)) != NULL) {
        at += length;
        note(neighbours, at, end);
    }
}

void
neighbours_find(const void *bytes, size_t size, struct neighbours *neighbours_out)
{
    neighbours_out->count = 0;
    find_word(bytes, size, "$ORIGIN", neighbours_out);
    find_word(bytes, size, "${ORIGIN}", neighbours_out);
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

/* Links to each library of `from`; what is there already stays. */
static void
link_all(const char *from, const char *to)
{
    char original[PATH_ROOM], link[PATH_ROOM];
    DIR *dir = opendir(from);
    size_t count = 0;
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        int a = snprintf(original, sizeof original, "%s/%s", from, entry->d_name);
        int b = snprintf(link, sizeof link, "%s/%s", to, entry->d_name);
        if (strstr(entry->d_name, ".so") != NULL && a < PATH_ROOM && b < PATH_ROOM &&
            ++count <= NEIGHBOURS_FILES_MAX) {
            (void)!symlink(original, link);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
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
        if (size < PATH_ROOM && walk(root, dir_out, neighbours->place[i], to)) {
            link_all(from, to);
        }
    }
    return true;
}
