/*
 * own_syscall.h: a unit test that plays the system itself. It says `ctest: wrap syscall`: then each
 * syscall(2) of the program's own files comes here. The test defines play_syscall().
 */
#ifndef TESTS_SUPPORT_OWN_SYSCALL_H
#define TESTS_SUPPORT_OWN_SYSCALL_H

#include <stdarg.h>
#include <stdbool.h>
#include <sys/syscall.h>

/* True: the call is the test's, and so is *result_out, with errno. False: the system does it. */
static bool play_syscall(long number, long *result_out);

long __real_syscall(long number, ...); /* NOLINT: the linker's name */
long __wrap_syscall(long number, ...); /* NOLINT */

long
__wrap_syscall(long number, ...) /* NOLINT */
{
    long arg[6], result;
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++) {
        arg[i] = va_arg(args, long);
    }
    va_end(args);
    return play_syscall(number, &result)
               ? result
               : __real_syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

#endif
