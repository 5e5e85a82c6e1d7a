#include "worker/crash/crash.h"

#include "api/base/fail.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { STACK_BYTES = 64 << 10 };

static struct lode_worker_page *crash_page;

/* Only what is safe in a signal handler. SA_RESETHAND has put the default action back. */
static void
on_crash(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (atomic_load_explicit(&crash_page->crash_set, memory_order_relaxed) == 0) {
        crash_page->crash_signal = number;
        crash_page->crash_code = info->si_code;
        crash_page->crash_address = (uint64_t)(uintptr_t)info->si_addr;
        atomic_store_explicit(&crash_page->crash_set, 1, memory_order_release);
    }
    /* A fault comes again by itself when the handler returns; what was sent does not. */
    raise(number);
}

static lode_err
use_own_stack(void)
{
    stack_t stack = {.ss_size = STACK_BYTES};
    stack.ss_sp = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack.ss_sp == MAP_FAILED) {
        return lode_fail_errno("no stack for the crash handler");
    }
    if (sigaltstack(&stack, NULL) != 0) {
        return lode_fail_errno("sigaltstack()");
    }
    return LODE_OK;
}

lode_err
crash_install(struct lode_worker_page *page)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct sigaction action = {.sa_sigaction = on_crash,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    crash_page = page;
    LODE_TRY(use_own_stack());
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (sigaction(numbers[i], &action, NULL) != 0) {
            return lode_fail_errno("no handler for signal %d", numbers[i]);
        }
    }
    return LODE_OK;
}
