#include "worker/crash/crash.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

static struct lode_worker_page *page;

static void
fault(void)
{
    *(volatile int *)(uintptr_t)0x1234560 = 1;
}

static volatile int deep_enough = INT_MAX;

static int
overflow(int depth)
{
    volatile char here[1024];
    here[0] = (char)depth;
    return depth < deep_enough ? overflow(depth + 1) + here[0] : depth;
}

static void
overflow_stack(void)
{
    exit(overflow(0));
}

static void
trap(void)
{
    raise(SIGFPE);
}

/* Dies in a child, and gives its status. */
static int
died(void (*how)(void))
{
    page = mmap(NULL, LODE_WORKER_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                -1, 0);
    expect(page != MAP_FAILED);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        must(crash_install(page));
        how();
        _exit(0);
    }
    int status;
    expect_eq(waitpid(pid, &status, 0), pid);
    return status;
}

Test(crash, a_fault_leaves_signal_and_address_and_a_true_status)
{
    int status = died(fault);
    expect(WIFSIGNALED(status));
    expect_eq(WTERMSIG(status), SIGSEGV);
    expect_eq(page->crash_set, 1);
    expect_eq(page->crash_signal, SIGSEGV);
    expect_eq(page->crash_address, 0x1234560);
}

Test(crash, abort_is_seen)
{
    int status = died(abort);
    expect(WIFSIGNALED(status));
    expect_eq(WTERMSIG(status), SIGABRT);
    expect_eq(page->crash_signal, SIGABRT);
}

Test(crash, a_signal_that_was_sent_kills_too)
{
    int status = died(trap);
    expect(WIFSIGNALED(status));
    expect_eq(WTERMSIG(status), SIGFPE);
    expect_eq(page->crash_signal, SIGFPE);
}

Test(crash, an_overflowing_stack_is_told)
{
    int status = died(overflow_stack);
    expect(WIFSIGNALED(status));
    expect_eq(WTERMSIG(status), SIGSEGV);
    expect_eq(page->crash_set, 1);
}
