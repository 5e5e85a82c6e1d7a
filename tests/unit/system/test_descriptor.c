/* Numbers of stdio that the program has closed, while another library opens what it likes. */
#include "api/system/descriptor.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void
close_stdin(void)
{
    close(STDIN_FILENO);
}

TestSuite(descriptor, .init = close_stdin);

static bool
is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void
expect_what_the_program_opened_stays(const char *path)
{
    struct stat wanted, there;
    lode_stdio_guard_begin();
    lode_stdio_guard_begin();
    int file = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert(file > STDIN_FILENO);
    cr_assert(dup2(file, STDIN_FILENO) == STDIN_FILENO);
    lode_stdio_guard_end();
    lode_stdio_guard_end();
    cr_assert(fstat(file, &wanted) == 0 && fstat(STDIN_FILENO, &there) == 0);
    cr_assert(wanted.st_dev == there.st_dev && wanted.st_ino == there.st_ino);
    close(file);
}

Test(descriptor, what_the_program_puts_there_meanwhile_stays)
{
    expect_what_the_program_opened_stays("/dev/zero");
    close(STDIN_FILENO);
    expect_what_the_program_opened_stays("/dev/null");
}

Test(descriptor, a_number_that_is_held_cannot_be_read_or_written)
{
    char byte = 'x';
    lode_stdio_guard_begin();
    cr_assert(is_open(STDIN_FILENO));
    cr_assert(read(STDIN_FILENO, &byte, 1) == -1);
    cr_assert(write(STDIN_FILENO, &byte, 1) == -1);
    lode_stdio_guard_end();
    cr_assert_not(is_open(STDIN_FILENO));
}

Test(descriptor, a_number_is_held_until_the_last_of_several_guards_has_ended)
{
    lode_stdio_guard_begin();
    lode_stdio_guard_begin();
    lode_stdio_guard_end();
    cr_assert(is_open(STDIN_FILENO));
    lode_stdio_guard_end();
    cr_assert_not(is_open(STDIN_FILENO));
}
