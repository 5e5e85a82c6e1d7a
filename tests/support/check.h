/*
 * check.h: the words that tests are written in. A check that fails prints where, what it got and
 * what it wanted, with liblode's sentence, and ends the process with status 1.
 *
 *     must(lode_put(db, "x", 1, 0, &id));                   LODE_OK
 *     fails(lode_get(db, id, 0, &view), LODE_EGONE);        that error, and no other
 *     expect(view.data != NULL);                            true
 *     expect_eq(stats.objects, 0);                          two integers; also _ne _lt _le
 *     expect_text(lode_last_error(), "already running");    the first contains the second
 *
 * Needs liblode, shared or static, for the names of errors. Any thread, any process.
 */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

#include <lode/error.h>
#include <stdint.h>

enum { TEST_SKIPPED = 77 };

#define must(call)              check_err(__FILE__, __LINE__, #call, (call), LODE_OK)
#define fails(call, want)       check_err(__FILE__, __LINE__, #call, (call), (want))
#define expect(condition)       check_true(__FILE__, __LINE__, #condition, (condition))
#define expect_eq(a, b)         check_numbers(__FILE__, __LINE__, #a, "==", #b, (int64_t)(a), (int64_t)(b))
#define expect_ne(a, b)         check_numbers(__FILE__, __LINE__, #a, "!=", #b, (int64_t)(a), (int64_t)(b))
#define expect_lt(a, b)         check_numbers(__FILE__, __LINE__, #a, "<", #b, (int64_t)(a), (int64_t)(b))
#define expect_le(a, b)         check_numbers(__FILE__, __LINE__, #a, "<=", #b, (int64_t)(a), (int64_t)(b))
#define expect_text(text, part) check_text(__FILE__, __LINE__, #text, (text), (part))

/* Fails the test with a sentence. */
#define give_up(...) check_give_up(__FILE__, __LINE__, __VA_ARGS__)

/* Ends the process as skipped, and says why. */
_Noreturn void skip(const char *format, ...) LODE_PRINTF(1, 2);

/*
 * A bound in milliseconds for "at once" or "within a second" on this build: sanitizers and busy
 * machines are slower, and a test is not a stopwatch. What hangs exceeds any of these.
 */
int64_t bound_ms(int64_t ms);

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t now_ms(void);

/* How many CPUs this process may use; 0: more than a cpu_set_t has. */
int usable_cpus(void);

/* The test's own argument `index` (from 1) as a count; `usual` where none is given. */
long count_argument(int argc, char **argv, int index, long usual);

void check_err(const char *file, int line, const char *what, lode_err got, lode_err want);
void check_true(const char *file, int line, const char *what, bool is);
void check_numbers(const char *file, int line, const char *a_text, const char *sign,
                   const char *b_text, int64_t a, int64_t b);
void check_text(const char *file, int line, const char *what, const char *text, const char *part);
_Noreturn void check_give_up(const char *file, int line, const char *format, ...) LODE_PRINTF(3, 4);

#endif
