/*
 * options.h: how a call reads an options struct that another version of the headers may have made.
 *
 * struct_size, its first field, says how much of it the caller knows. What an older caller does not
 * know is default (0). What a newer caller knows and this library does not must be default, too: an
 * option that is set and cannot be honoured is LODE_EUNSUPPORTED, never ignored.
 */
#ifndef LODE_BASE_OPTIONS_H
#define LODE_BASE_OPTIONS_H

#include <lode/error.h>

/*
 * Copies the options to a struct of this library's.
 *
 *   type      the struct's name, for sentences
 *   given     the caller's; NULL: all defaults
 *   own_size  sizeof of this library's struct, to which read_out points
 *
 * Errors  LODE_EINVAL  struct_size is none: less than its own field, or more than any struct has
 *         LODE_EUNSUPPORTED
 */
LODE_MUST_CHECK lode_err lode_options_read(const char *type, const void *given, size_t own_size,
                                           void *read_out);

#endif
