/*
 * steps.h: runs code one instruction at a time, and lets the test act between any two: every place
 * at which another process could have come between is tried, and none by chance. By the trap flag
 * of x86-64. Elsewhere, and under a sanitizer (whose instructions are too many), STEPS_WORK is 0.
 *
 *   steps_on(between);      between(n) is called after each instruction, n = 1, 2, …
 *   …
 *   steps_off();
 *
 * `between` runs in a signal handler, in the same thread. It may call steps_enough(): the code runs
 * on at full speed then, and steps_count is the number of that step.
 */
#ifndef TESTS_SUPPORT_STEPS_H
#define TESTS_SUPPORT_STEPS_H

#include <signal.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>
#include <ucontext.h>

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define STEPS_WORK 1
#else
#define STEPS_WORK 0
#endif

static void (*steps_between)(uint64_t number);
static uint64_t steps_count;

static bool steps_are_enough;

static inline void
steps_enough(void)
{
    steps_are_enough = true;
}

static inline void
steps_on_trap(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    steps_between(++steps_count);
#if STEPS_WORK
    if (steps_are_enough) {
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100;
    }
#endif
}

/* The flags lie below the 128 bytes that a function may use without moving the stack pointer. */
static inline __attribute__((always_inline)) void
steps_on(void (*between)(uint64_t number))
{
    struct sigaction trap = {.sa_sigaction = steps_on_trap, .sa_flags = SA_SIGINFO};
    steps_between = between;
    steps_are_enough = false;
    steps_count = 0;
    sigaction(SIGTRAP, &trap, NULL);
#if STEPS_WORK
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
                     "lea 128(%%rsp), %%rsp" ::
                         : "memory", "cc");
#endif
}

static inline __attribute__((always_inline)) void
steps_off(void)
{
#if STEPS_WORK
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\t"
                     "lea 128(%%rsp), %%rsp" ::
                         : "memory", "cc");
#endif
}

#endif
