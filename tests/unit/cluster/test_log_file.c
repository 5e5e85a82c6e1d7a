/* Logs that all clusters of a user share: bounded, and never the cause of a fault. */
#include "api/base/fail.h"
#include "api/base/log.h"
#include "api/cluster/log_file.h"
#include "api/cluster/log_to_file.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static void
setup(void)
{
    strcpy(dir, "/tmp/lt-log-XXXXXX");
    scratch_dir(dir);
}

static const char *
path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static off_t
size_of(const char *name)
{
    struct stat info;
    return stat(path_of(name), &info) == 0 ? info.st_size : -1;
}

static void
append(const char *line)
{
    cr_assert(lode_log_file_append(dir, "a.log", line, strlen(line)) == LODE_OK);
}

TestSuite(log_file, .init = setup);

Test(log_file, lines_are_appended)
{
    append("one\n");
    append("two\n");
    cr_assert(size_of("a.log") == 8);
    cr_assert(size_of("a.log.1") == -1);
}

Test(log_file, a_full_one_is_kept_once_and_a_new_one_begins)
{
    append("the first\n");
    for (int round = 0; round < 2; round++) {
        cr_assert(truncate(path_of("a.log"), LODE_LOG_FILE_MAX - 1) == 0);
        append("fills it\n"); /* a line is not cut */
        append("new\n");
        cr_assert(size_of("a.log") == 4);
        cr_assert(size_of("a.log.1") == LODE_LOG_FILE_MAX - 1 + 9);
        append("more\n");
        cr_assert(size_of("a.log") == 9);
    }
}

Test(log_file, one_that_cannot_be_had_is_an_error)
{
    cr_assert(mkdir(path_of("a.log"), 0700) == 0);
    cr_assert(lode_log_file_append(dir, "a.log", "x\n", 2) != LODE_OK);
    cr_assert(lode_log_file_append("", "a.log", "x\n", 2) == LODE_EINVAL);
    cr_assert(strstr(lode_last_error(), "LODE_STATE_DIR") != NULL);
}

Test(log_file, what_is_logged_goes_there_and_leaves_the_last_error_alone)
{
    lode_log_to_file(dir, "b.log");
    (void)lode_fail_with(LODE_EINVAL, "the cause");
    lode_log("A-LINE", "text");
    cr_assert(size_of("b.log") > 0);
    cr_assert(unlink(path_of("b.log")) == 0);
    cr_assert(mkdir(path_of("b.log"), 0700) == 0);
    lode_log("A-LINE", "that goes to stderr");
    cr_assert_str_eq(lode_last_error(), "the cause");
}

Test(log_file, an_entry_has_time_and_author_and_ends_its_line)
{
    char text[256] = "";
    cr_assert(lode_log_file_entry(dir, "a.log", "f pid=7", "no\x1b[31m end", 11) == LODE_OK);
    int fd = open(path_of("a.log"), O_RDONLY | O_CLOEXEC);
    cr_assert(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    cr_assert_str_eq(text + strlen("2026-11-27 10:11:12"),
                     " (f pid=7) 11 bytes:\nno\x1b[31m end\n");
}
