/* Where the files of a private cluster lie. */
#include "tests/support/check.h"
#include "tests/support/scratch.h"
#include "tools/clusters/places.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/lt-places-XXXXXX";

static void
setup(void)
{
    scratch_dir(dir);
    setenv("LODE_SHM_DIR", "/dev/shm/first", 1);
    setenv("LODE_STATE_DIR", "/var/first\nand \"second\"", 1);
}

static void
teardown(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/places", dir);
    unlink(path);
    rmdir(dir);
}

TestSuite(places, .init = setup, .fini = teardown);

static void
write_file(const char *bytes, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "%s/places", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    expect_eq(write(fd, bytes, size), size);
    close(fd);
}

Test(places, are_read_in_another_environment)
{
    struct lode_paths paths, read;
    must(lode_paths_resolve(dir, &paths));
    must(places_write(&paths));
    setenv("LODE_SHM_DIR", "/dev/shm/another", 1);
    unsetenv("LODE_STATE_DIR");
    must(places_read(dir, &read));
    expect_eq(strcmp(read.dir, dir), 0);
    expect_eq(strcmp(read.shm, paths.shm), 0);
    expect_eq(strcmp(read.state, paths.state), 0);
}

Test(places, that_were_never_written_are_those_of_the_environment)
{
    struct lode_paths read;
    must(places_read(dir, &read));
    expect_text(read.shm, "/dev/shm/first/");
}

Test(places, without_a_state_directory_are_read_likewise)
{
    struct lode_paths paths, read;
    must(lode_paths_resolve(dir, &paths));
    paths.state[0] = '\0';
    must(places_write(&paths));
    must(places_read(dir, &read));
    expect_eq(strcmp(read.state, ""), 0);
}

Test(places, that_are_no_two_paths_are_refused)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {{"", 0},        {"/a", 2},        {"/a\0", 3},    {"/a\0/b", 5},
               {"a\0/b\0", 5}, {"\0/b\0", 4},    {"/a\0b\0", 5}, {"/a\0/b\0\0", 7},
               {"/a\0\0x", 5}, {"/a\0/b\0c", 7}, {"\0\0", 2}};
    static char longer[LODE_PATH_MAX + 8];
    struct lode_paths read = {.shm = "as it was"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_file(bad[i].bytes, bad[i].size);
        fails(places_read(dir, &read), LODE_ECORRUPT);
    }
    memset(longer, 'a', sizeof longer);
    longer[0] = '/';
    longer[sizeof longer - 2] = longer[sizeof longer - 1] = '\0';
    write_file(longer, sizeof longer);
    fails(places_read(dir, &read), LODE_ECORRUPT);
    expect_eq(strcmp(read.shm, "as it was"), 0);
}
