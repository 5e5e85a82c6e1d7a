/* library_stem.h: what a task library is called that does not say so itself. */
#ifndef LODE_TOOLS_LIBRARY_STEM_H
#define LODE_TOOLS_LIBRARY_STEM_H

#include <stddef.h>

/* "/a/libtasks.so.1" → "tasks". */
void library_stem(const char *path, char *stem_out, size_t room);

#endif
