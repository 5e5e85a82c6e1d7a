#include "tools/lode/calls/library_name.h"

#include "api/base/fail.h"
#include "api/client/tasks/functions.h"
#include "tools/lode/calls/library_stem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

lode_err
library_load(lode *db, const char *path, uint32_t flags, char *name_out, size_t room)
{
    char *name = NULL;
    if (access(path, F_OK) != 0) {
        return lode_fail_with(LODE_ENOTFOUND, "%s: %s", path, strerror(errno));
    }
    lode_err err = lode_tasks_load(db, path, flags, &name);
    if (err != LODE_OK) { /* the sentence may name the copy only, which workers open */
        return lode_fail_with(err, "%s: %s", path, lode_last_error());
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
