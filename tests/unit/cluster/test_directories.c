/* The directories of a cluster: made as they must be, or refused, and never changed. */
#include "api/cluster/directories.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STRANGER = 12345 };

static char base[64];
static char path[256];

static void
setup(void)
{
    strcpy(base, "/tmp/lt-directories-XXXXXX");
    scratch_dir(base);
}

static void
teardown(void)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", base);
    expect_eq(system(command), 0);
}

TestSuite(directories, .init = setup, .fini = teardown);

static const char *
below(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", base, name);
    return path;
}

static unsigned
mode_of(const char *name)
{
    struct stat st;
    expect_eq(stat(below(name), &st), 0);
    return st.st_mode & 07777;
}

static lode_err
prepare(const char *name)
{
    return lode_directory_prepare(below(name), "LODE_DIR");
}

static void
make(const char *name, unsigned mode)
{
    expect_eq(mkdir(below(name), 0700), 0);
    expect_eq(chmod(path, mode), 0);
}

Test(directories, are_ours_alone_with_their_parents_whatever_the_umask)
{
    static const unsigned masks[] = {0, 022, 077, 0177, 0777};
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        char name[32], parent[32];
        snprintf(parent, sizeof parent, "%o", masks[i]);
        snprintf(name, sizeof name, "%o/b", masks[i]);
        umask(masks[i]);
        lode_err err = prepare(name);
        umask(022);
        must(err);
        must(prepare(name));
        expect_eq(mode_of(name), 0700);
        expect_eq(mode_of(parent), 0700);
    }
}

Test(directories, that_others_can_enter_are_refused_and_not_changed)
{
    static const unsigned modes[] = {01777, 0755, 0711, 0750, 0600};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "%o", modes[i]);
        make(name, modes[i]);
        fails(prepare(name), LODE_EDENIED);
        expect_text(lode_last_error(), "LODE_DIR");
        expect_text(lode_last_error(), "chmod 700");
        expect_eq(mode_of(name), modes[i]);
    }
}

Test(directories, where_all_may_replace_them_are_refused)
{
    make("open", 0777);
    fails(prepare("open/mine"), LODE_EDENIED);
    expect_text(lode_last_error(), "sticky");
}

Test(directories, below_a_sticky_one_must_be_ours_at_every_level)
{
    struct stat st;
    make("sticky", 01777);
    must(prepare("sticky/ours/mine"));
    if (geteuid() != 0) { /* then /proc/self is what is another user's: root's is trusted */
        return;
    }
    make("sticky/theirs", 0755);
    expect_eq(chown(path, STRANGER, STRANGER), 0);
    fails(prepare("sticky/theirs/mine"), LODE_EDENIED);
    expect_text(lode_last_error(), "12345");
    expect_eq(symlink("/tmp", below("sticky/link")), 0);
    expect_eq(lchown(path, STRANGER, STRANGER), 0);
    fails(prepare("sticky/link/mine"), LODE_EDENIED);
    expect_eq(stat("/tmp/mine", &st), -1);
}

Test(directories, of_somebody_else_are_refused)
{
    if (geteuid() == 0) {
        make("theirs", 0700);
        expect_eq(chown(path, STRANGER, STRANGER), 0);
        fails(prepare("theirs"), LODE_EDENIED);
        expect_text(lode_last_error(), "12345");
    } else {
        fails(lode_directory_prepare("/usr", "LODE_DIR"), LODE_EDENIED);
        expect_text(lode_last_error(), "user 0");
    }
}

Test(directories, must_be_directories)
{
    close(open(below("file"), O_CREAT | O_WRONLY, 0600));
    fails(prepare("file"), LODE_EINVAL);
    expect_eq(symlink("/tmp", below("link")), 0);
    fails(prepare("link"), LODE_EINVAL);
}

Test(directories, that_cannot_be_made_say_why)
{
    uid_t user = geteuid();
    expect_eq(chmod(base, 0555), 0);
    expect_eq(user == 0 ? seteuid(STRANGER) : 0, 0);
    lode_err err = prepare("mine");
    expect_eq(user == 0 ? seteuid(user) : 0, 0);
    expect_eq(chmod(base, 0700), 0);
    fails(err, LODE_EDENIED);
    expect_text(lode_last_error(), "Permission denied");
    expect_text(lode_last_error(), "LODE_DIR names another");
}

Test(directories, for_shared_memory_must_be_on_a_tmpfs)
{
    struct lode_paths paths = {.dir = "/tmp"};
    int fd = -1;
    snprintf(paths.shm, sizeof paths.shm, "/var/tmp/lt-directories-%d", (int)getpid());
    lode_err err = lode_directory_hold_shm(&paths, &fd);
    rmdir(paths.shm);
    fails(err, LODE_EINVAL);
    expect_text(lode_last_error(), "tmpfs");
}

Test(directories, are_held_by_one_at_a_time)
{
    int fd = -1, other = -1;
    must(lode_directory_hold(below("held"), "LODE_DIR", &fd));
    fails(lode_directory_hold(path, "LODE_DIR", &other), LODE_ERUNNING);
    expect_text(lode_last_error(), "LODE_DIR");
    expect_eq(other, -1);
    close(fd);
    must(lode_directory_hold(path, "LODE_DIR", &other));
    close(other);
}

/* A cluster that ends removes the directory that the next one is just about to hold. */
Test(directories, that_are_removed_meanwhile_are_made_again)
{
    int fd = -1, other = -1;
    must(lode_directory_hold(below("held"), "LODE_DIR", &fd));
    expect_eq(rmdir(path), 0);
    must(lode_directory_hold(path, "LODE_DIR", &other));
    expect_eq(access(path, F_OK), 0);
    close(fd);
    close(other);
}
