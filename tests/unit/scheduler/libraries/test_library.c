/* Copies of libraries: named by what is in them, and nothing that is no file holds us up. */
#include "scheduler/libraries/library.h"
#include "tests/support/check.h"
#include "tests/support/leftovers.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], source[128], copies[128], copy[LIBRARY_PATH_MAX];

static void
write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    expect_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void
expect_file(const char *path, const char *text)
{
    char bytes[256] = {0};
    int fd = open(path, O_RDONLY);
    expect_eq(read(fd, bytes, sizeof bytes - 1), (ssize_t)strlen(text));
    expect_eq(strcmp(bytes, text), 0);
    close(fd);
}

static void
setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/lode-library-XXXXXX");
    scratch_dir(dir);
    snprintf(source, sizeof source, "%s/libtasks.so", dir);
    snprintf(copies, sizeof copies, "%s/lib", dir);
}

static void
teardown(void)
{
    remove_tree(dir);
}

TestSuite(library, .init = setup, .fini = teardown, .timeout = 60);

Test(library, a_copy_has_the_bytes_and_outlives_the_source)
{
    struct stat st;
    write_file(source, "first version");
    must(library_copy(source, copies, copy));
    write_file(source, "other");
    expect_file(copy, "first version");
    unlink(source);
    expect_file(copy, "first version");
    expect_eq(stat(copy, &st), 0);
    expect_eq(st.st_mode & 0777, 0500);
    expect_eq(stat(copies, &st), 0);
    expect_eq(st.st_mode & 0777, 0700);
}

Test(library, the_same_bytes_are_the_same_copy_and_others_are_not)
{
    char first[LIBRARY_PATH_MAX];
    write_file(source, "one");
    must(library_copy(source, copies, first));
    must(library_copy(source, copies, copy));
    expect_eq(strcmp(first, copy), 0);
    write_file(source, "two");
    must(library_copy(source, copies, copy));
    expect_ne(strcmp(first, copy), 0);
    expect_eq(count_files(copies), 2); /* and no temporary one */
}

Test(library, a_damaged_copy_is_mended)
{
    write_file(source, "good");
    must(library_copy(source, copies, copy));
    unlink(copy);
    write_file(copy, "evil");
    must(library_copy(source, copies, copy));
    expect_file(copy, "good");
}

Test(library, a_link_that_lies_where_the_copy_goes_is_replaced_not_followed)
{
    char victim[128];
    snprintf(victim, sizeof victim, "%s/victim", dir);
    write_file(source, "bytes");
    must(library_copy(source, copies, copy));
    unlink(copy);
    write_file(victim, "precious");
    expect_eq(symlink(victim, copy), 0);
    must(library_copy(source, copies, copy));
    expect_file(victim, "precious");
    expect_file(copy, "bytes");
}

Test(library, a_link_to_a_library_is_followed_and_one_to_nothing_is_refused)
{
    char real[140];
    snprintf(real, sizeof real, "%s.1", source);
    write_file(real, "bytes");
    expect_eq(symlink(real, source), 0);
    must(library_copy(source, copies, copy));
    expect_file(copy, "bytes");
    unlink(real);
    fails(library_copy(source, copies, copy), LODE_ELIBRARY);
    unlink(source);
    expect_eq(symlink(source, source), 0); /* to itself */
    fails(library_copy(source, copies, copy), LODE_ELIBRARY);
}

Test(library, what_is_no_regular_file_is_refused_at_once)
{
    expect_eq(mkfifo(source, 0600), 0);
    fails(library_copy(source, copies, copy), LODE_ELIBRARY);
    expect_text(lode_last_error(), "not a regular file");
    fails(library_copy(dir, copies, copy), LODE_ELIBRARY);
    fails(library_copy("/dev/zero", copies, copy), LODE_ELIBRARY);
    fails(library_copy("/dev/full", copies, copy), LODE_ELIBRARY);
}

Test(library, a_missing_empty_or_huge_file_is_refused_with_its_name)
{
    fails(library_copy(source, copies, copy), LODE_ELIBRARY);
    expect_text(lode_last_error(), source);
    write_file(source, "");
    fails(library_copy(source, copies, copy), LODE_ELIBRARY);
    expect_text(lode_last_error(), "empty");
    expect_eq(truncate(source, (off_t)LIBRARY_BYTES_MAX + 1), 0); /* sparse */
    fails(library_copy(source, copies, copy), LODE_ELIBRARY);
    expect_text(lode_last_error(), "at most");
    expect_eq(count_files(copies), 0);
}

Test(library, a_relative_path_is_refused)
{
    fails(library_copy("libtasks.so", copies, copy), LODE_ELIBRARY);
    fails(library_copy("", copies, copy), LODE_ELIBRARY);
}

Test(library, no_room_for_the_copy_is_an_error_and_leaves_nothing)
{
    write_file(source, "bytes");
    fails(library_copy(source, "/proc/lib", copy), LODE_ESYS);
}

/* What was made around it before goes again; a place that was spoilt is no place next time. */
Test(library, a_copy_that_cannot_be_put_in_place_leaves_nothing_around_it)
{
    char root[LIBRARY_PATH_MAX];
    write_file(source, "runs with $ORIGIN/x:");
    must(library_copy(source, copies, copy));
    snprintf(root, sizeof root, "%.*s", (int)(strlen(copies) + 1 + 32), copy);
    remove_tree(root);
    write_file(root, "in the way");
    fails(library_copy(source, copies, copy), LODE_ESYS);
    expect_eq(count_files(copies), 0);
    must(library_copy(source, copies, copy));
    expect_file(copy, "runs with $ORIGIN/x:");
}
