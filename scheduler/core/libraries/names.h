/*
 * names.h: what the name of a library stands for, and for whom. A program means what it has loaded
 * itself, or a task of it; else what is offered to all programs. So one program's library never
 * takes the place of another's. Names of lode's own are reserved: nobody loads a library of that
 * name.
 *
 * A session asks once for a function's name, and then submits its number. When a name comes to
 * stand for another version, sessions that know any are told to FORGET. What they submit until they
 * have heard of it is bound anew (core_names_bind_again()). So after LOADED, all that is submitted
 * runs the new version.
 */
#ifndef LODE_SCHEDULER_CORE_NAMES_H
#define LODE_SCHEDULER_CORE_NAMES_H

#include "scheduler/core/state/state.h"

/* The program in whose name space the session loads and resolves; `parent`: as in the record. */
struct core_program *core_names_program(struct core *core, struct core_session *session,
                                        uint64_t parent);

/* What the name means there; `size` bytes of it count. NULL: nothing. */
struct core_library *core_names_find(const struct core *core, const struct core_program *program,
                                     const char *name, size_t size);

/* True if such a name is offered to all programs. */
bool core_names_offered(const struct core *core, const char *name, size_t size);

/* True if no library but lode's own may have that name. */
bool core_names_reserved(const struct core *core, const char *name);

/*
 * From now on the library's name stands for it: for that program, or for all that have none of that
 * name themselves (NULL).
 *
 *   source    the file that was loaded
 *   flags     LODE_LOAD_…
 *   text_out  `room` bytes: why not
 *
 * Errors  LODE_EEXIST the name stands for a library from another file
 */
LODE_MUST_CHECK lode_err core_names_bind(struct core *core, struct core_program *program,
                                         struct core_library *library, const char *source,
                                         uint32_t flags, char *text_out, size_t room);

/* False: whoever has asked for the function means this version of it. */
static inline bool
core_names_may_change(const struct core_function *function)
{
    return function->library->has_namesakes || function->library->gone;
}

/*
 * The function as the program means it now, which may be one of a newer version. NULL: that version
 * has none of the name, or nobody means it any more.
 */
struct core_function *core_names_bind_again(const struct core *core,
                                            const struct core_program *program,
                                            struct core_function *function);

#endif
