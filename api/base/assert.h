/*
 * assert.h: LODE_ASSERT is for what can only be a bug of ours. It stays on in release builds. What
 * comes from outside (messages, pins, files, libraries) is checked and refused, never asserted.
 * LODE_DEBUG_ASSERT is for walks and for hot paths. Only builds without NDEBUG check it.
 */
#ifndef LODE_BASE_ASSERT_H
#define LODE_BASE_ASSERT_H

_Noreturn void lode_assert_failed(const char *what, const char *file, int line);

#define LODE_ASSERT(condition)                                                                     \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            lode_assert_failed(#condition, __FILE__, __LINE__);                                    \
        }                                                                                          \
    } while (0)

#ifdef NDEBUG
#define LODE_DEBUG_ASSERT(condition) ((void)(0 && (condition))) /* compiled, never evaluated */
#else
#define LODE_DEBUG_ASSERT(condition) LODE_ASSERT(condition)
#endif

#endif
