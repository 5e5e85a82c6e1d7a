/*
 * What a worker does at the end of a task that has printed nothing.
 *
 * ctest: wrap ioctl
 */
#include "worker/process/printing.h"

#include "api/base/clock.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct printing printing;
static int ends[2], looks;

/* As in the memfd. */
static struct {
    _Alignas(8) uint8_t bytes[LODE_WORKER_SHARED_BYTES];
} shared;

int __real_ioctl(int fd, unsigned long request, int *value);
int __wrap_ioctl(int fd, unsigned long request, int *value);

int
__wrap_ioctl(int fd, unsigned long request, int *value)
{
    looks += fd == ends[0] && request == FIONREAD;
    return __real_ioctl(fd, request, value);
}

static void
setup(void)
{
    cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    printing_init(&printing, (struct lode_worker_page *)shared.bytes);
    printing.fd = ends[0];
}

static void
teardown(void)
{
    close(ends[0]);
    close(ends[1]);
}

TestSuite(printing, .init = setup, .fini = teardown);

static int
looks_at_end(void)
{
    looks = 0;
    cr_assert_eq(printing_end(&printing), LODE_OK);
    cr_assert_eq(printing.page->printing, 0);
    cr_assert_eq(printing.page->output_lock, 0);
    return looks;
}

Test(printing, a_task_that_is_over_sooner_than_a_write_costs_no_system_call)
{
    printing_begin(&printing, 1);
    cr_assert_eq(printing.page->printing, 1);
    printing_code_ran(&printing, PRINTING_WRITE_NS - 1);
    cr_assert_eq(looks_at_end(), 0);
}

Test(printing, a_silent_task_costs_one_system_call)
{
    printing_begin(&printing, 1);
    printing_code_ran(&printing, PRINTING_WRITE_NS);
    cr_assert_eq(looks_at_end(), 1);
}

Test(printing, of_each_task_it_must_be_said_how_long_its_code_has_run)
{
    printing_begin(&printing, 1);
    printing_code_ran(&printing, 1);
    cr_assert_eq(looks_at_end(), 0);
    printing_begin(&printing, 2);
    cr_assert_eq(looks_at_end(), 1);
}

Test(printing, a_clock_that_goes_back_says_nothing)
{
    printing_begin(&printing, 1);
    printing_code_ran(&printing, -1);
    cr_assert_eq(looks_at_end(), 1);
}

Test(printing, what_a_stream_holds_back_is_looked_for_after_the_shortest_task)
{
    static char room[64];
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    cr_assert_eq(dup2(nowhere, STDOUT_FILENO), STDOUT_FILENO);
    cr_assert_eq(setvbuf(stdout, room, _IOFBF, sizeof room), 0);
    printing_begin(&printing, 1);
    (void)fputc('x', stdout);
    printing_code_ran(&printing, 1);
    cr_assert_eq(looks_at_end(), 1);
    close(nowhere);
}

/* Else a task could write, and nobody would look. */
Test(printing, no_write_is_as_short_as_a_task_that_is_not_looked_at)
{
    enum { WRITES = 20000 };
    int64_t shortest = INT64_MAX;
    for (int i = 0; i < WRITES; i++) {
        char byte = 'x';
        int64_t start = lode_now_ns();
        cr_assert_eq(write(ends[1], &byte, 1), 1);
        int64_t ns = lode_now_ns() - start;
        shortest = ns < shortest ? ns : shortest;
        cr_assert_eq(read(ends[0], &byte, 1), 1);
    }
    cr_assert_gt(shortest, PRINTING_WRITE_NS, "a write took %lld ns", (long long)shortest);
}
