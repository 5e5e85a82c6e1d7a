#include "tools/lode/calls/library_stem.h"

#include <stdio.h>
#include <string.h>

void
library_stem(const char *path, char *stem_out, size_t room)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    if (strncmp(name, "lib", 3) == 0 && name[3] != '\0' && name[3] != '.') {
        name += 3;
    }
    const char *end = strstr(name, ".so");
    int length = end != NULL ? (int)(end - name) : (int)strlen(name);
    snprintf(stem_out, room, "%.*s", length, name);
}
