#include "tools/lode/calls/library_name.h"

#include "api/base/fail.h"
#include "api/client/tasks/functions.h"
#include "tools/lode/calls/library_stem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the sentence begins with the file's whole path, it begins with what was typed instead. */
static lode_err
fail_as(lode_err err, const char *path)
{
    char whole[PATH_MAX];
    const char *why = lode_last_error();
    if (realpath(path, whole) != NULL && strncmp(why, whole, strlen(whole)) == 0 &&
        strncmp(why + strlen(whole), ": ", 2) == 0) {
        why += strlen(whole) + 2;
    }
    return lode_fail_with(err, "%s: %s", path, why);
}

lode_err
library_load(lode *db, const char *path, uint32_t flags, char *name_out, size_t room)
{
    char *name = NULL;
    if (access(path, F_OK) != 0) {
        return lode_fail_with(LODE_ENOTFOUND, "%s: %s", path, strerror(errno));
    }
    lode_err err = lode_tasks_load(db, path, flags, &name);
    if (err != LODE_OK) {
        return fail_as(err, path);
    }
    if (name == NULL || name[0] == '\0') {
        free(name);
        library_stem(path, name_out, room);
        return LODE_OK;
    }
    int length = snprintf(name_out, room, "%s", name);
    free(name);
    return (size_t)length < room ? LODE_OK
                                 : lode_fail_with(LODE_EINVAL,
                                                  "the library of '%s' has a name of "
                                                  "%d bytes",
                                                  path, length);
}
