/* library_name.h: task libraries by path, and what their functions are called. */
#ifndef LODE_TOOLS_LIBRARY_NAME_H
#define LODE_TOOLS_LIBRARY_NAME_H

#include <lode/lode.h>

/*
 * lode_load(), and the library's own name.
 *
 *   flags     LODE_LOAD_… (api/wire/task_msg.h)
 *   name_out  `room` bytes
 *
 * Errors  as lode_load(); LODE_EINVAL the name is too long
 */
LODE_MUST_CHECK lode_err library_load(lode *db, const char *path, uint32_t flags, char *name_out,
                                      size_t room);

#endif
