/* Files are written whole or not at all; what is no file is not replaced by one. */
#include "tests/support/check.h"
#include "tools/cli/whole_file.h"

#include "api/base/fail.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/lt-whole-XXXXXX";

static void
enter(void)
{
    scratch_dir(dir);
    cr_assert_eq(chdir(dir), 0);
}

static void
leave(void)
{
    DIR *all = opendir(".");
    for (struct dirent *entry; (entry = readdir(all)) != NULL;) {
        unlink(entry->d_name);
    }
    closedir(all);
    cr_assert_eq(rmdir(dir), 0);
}

TestSuite(whole_file, .timeout = 60, .init = enter, .fini = leave);

static int
count_files(void)
{
    int count = 0;
    DIR *all = opendir(".");
    for (struct dirent *entry; (entry = readdir(all)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(all);
    return count;
}

static lode_err
write_text(int fd, const void *arg)
{
    return write(fd, arg, strlen(arg)) == (ssize_t)strlen(arg) ? LODE_OK
                                                               : lode_fail_errno("cannot write");
}

static lode_err
write_half(int fd, const void *arg)
{
    LODE_TRY(write_text(fd, arg));
    return lode_fail_with(LODE_EFULL, "the disk is full");
}

static void
contains(const char *path, const char *want)
{
    char text[64] = "";
    int fd = open(path, O_RDONLY);
    cr_assert(read(fd, text, sizeof text - 1) >= 0);
    close(fd);
    cr_assert_str_eq(text, want);
}

Test(whole_file, a_failure_leaves_the_old_file_and_nothing_else)
{
    must(whole_file_write("a", write_text, "old"));
    fails(whole_file_write("a", write_half, "new"), LODE_EFULL);
    cr_assert_str_eq(lode_last_error(), "a: the disk is full");
    contains("a", "old");
    cr_assert_eq(count_files(), 1);
    fails(whole_file_write("b", write_half, "new"), LODE_EFULL);
    cr_assert_eq(count_files(), 1);
}

Test(whole_file, a_new_file_is_as_readable_as_any_and_an_old_one_as_it_was)
{
    struct stat st;
    umask(027);
    must(whole_file_write("a", write_text, "new"));
    cr_assert(stat("a", &st) == 0 && (st.st_mode & 0777) == 0640);
    cr_assert_eq(chmod("a", 0604), 0);
    must(whole_file_write("a", write_text, "newer"));
    cr_assert(stat("a", &st) == 0 && (st.st_mode & 0777) == 0604);
    contains("a", "newer");
}

Test(whole_file, a_link_is_followed_and_one_to_nothing_refused)
{
    struct stat st;
    cr_assert_eq(symlink("a", "link"), 0);
    fails(whole_file_write("link", write_text, "new"), LODE_ENOTFOUND);
    must(whole_file_write("a", write_text, "old"));
    must(whole_file_write("link", write_text, "new"));
    contains("a", "new");
    cr_assert(lstat("link", &st) == 0 && S_ISLNK(st.st_mode));
}

Test(whole_file, what_is_no_file_is_written_to_as_it_is)
{
    struct stat st;
    char text[8] = "";
    cr_assert_eq(mkfifo("pipe", 0600), 0);
    int fd = open("pipe", O_RDWR);
    must(whole_file_write("pipe", write_text, "new"));
    cr_assert_eq(read(fd, text, sizeof text), 3);
    close(fd);
    cr_assert(stat("pipe", &st) == 0 && S_ISFIFO(st.st_mode));
    cr_assert_eq(count_files(), 1);
    fails(whole_file_write(".", write_text, "new"), LODE_ESYS);
}
