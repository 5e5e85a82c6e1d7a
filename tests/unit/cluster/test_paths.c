/* Where a cluster's files lie, and who may have made the directories. */
#include "api/base/clock.h"
#include "api/cluster/directories.h"
#include "api/base/fail.h"
#include "api/cluster/paths.h"
#include "api/cluster/sweep.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[64];
static char shm[64];

static void
setup(void)
{
    strcpy(base, "/tmp/lt-paths-XXXXXX");
    strcpy(shm, "/dev/shm/lt-paths-XXXXXX");
    scratch_dir(base);
    scratch_dir(shm);
    unsetenv("LODE_DIR");
    unsetenv("LODE_SHM_DIR");
    unsetenv("LODE_STATE_DIR");
    setenv("XDG_RUNTIME_DIR", base, 1);
    setenv("XDG_STATE_HOME", base, 1);
}

static void
teardown(void)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s' '%s'", base, shm);
    cr_assert(system(command) == 0);
}

TestSuite(paths, .init = setup, .fini = teardown);

static struct lode_paths
resolve(const char *dir)
{
    struct lode_paths paths;
    cr_assert(lode_paths_resolve(dir, &paths) == LODE_OK, "%s", lode_last_error());
    return paths;
}

/* In our directories; dir is a subdirectory of base. */
static struct lode_paths
resolve_here(const char *name)
{
    char dir[128];
    setenv("LODE_SHM_DIR", shm, 1);
    setenv("LODE_STATE_DIR", base, 1);
    snprintf(dir, sizeof dir, "%s/%s", base, name);
    return resolve(dir);
}

Test(paths, the_default_lies_where_xdg_says)
{
    char want[128];
    struct lode_paths paths = resolve(NULL);
    snprintf(want, sizeof want, "%s/lode", base);
    cr_assert_str_eq(paths.dir, want);
    cr_assert_str_eq(paths.state, want);
    snprintf(want, sizeof want, "/dev/shm/lode-%u", (unsigned)getuid());
    cr_assert_str_eq(paths.shm, want);
}

Test(paths, an_empty_variable_is_none)
{
    char want[64];
    setenv("XDG_RUNTIME_DIR", "", 1);
    setenv("LODE_DIR", "", 1);
    snprintf(want, sizeof want, "/tmp/lode-%u", (unsigned)getuid());
    cr_assert_str_eq(resolve(NULL).dir, want);
}

Test(paths, the_variable_is_taken_where_no_directory_is_given)
{
    setenv("LODE_DIR", "/tmp/from-the-variable", 1);
    cr_assert_str_eq(resolve(NULL).dir, "/tmp/from-the-variable");
    cr_assert_str_eq(resolve("/tmp/given").dir, "/tmp/given");
    cr_assert_str_eq(resolve("/tmp/given///").dir, "/tmp/given");
}

Test(paths, that_were_exported_are_those_that_are_found_without_a_directory)
{
    struct lode_paths paths = resolve("/tmp/given");
    cr_assert_eq(lode_paths_export("/tmp/given"), LODE_OK);
    struct lode_paths found = resolve(NULL);
    cr_assert_str_eq(found.dir, "/tmp/given");
    cr_assert_str_eq(found.shm, paths.shm);
    cr_assert_str_eq(found.state, paths.state);
    setenv("HOME", "/tmp/elsewhere", 1);
    setenv("XDG_STATE_HOME", "/tmp/elsewhere", 1);
    cr_assert_str_eq(resolve(NULL).state, paths.state);
}

Test(paths, two_clusters_never_share_files)
{
    struct lode_paths a = resolve("/tmp/one");
    struct lode_paths b = resolve("/tmp/two");
    cr_assert(strcmp(a.shm, b.shm) != 0);
    cr_assert(strcmp(a.state, b.state) != 0);
    cr_assert_str_eq(a.shm, resolve("/tmp/one").shm);
}

Test(paths, a_relative_or_long_path_is_refused_with_the_limit)
{
    struct lode_paths paths;
    char path[LODE_DIR_MAX + 2];
    cr_assert(lode_paths_resolve("here", &paths) == LODE_EINVAL);
    cr_assert_not_null(strstr(lode_last_error(), "absolute"));
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    cr_assert(lode_paths_resolve(path, &paths) == LODE_EINVAL);
    cr_assert_not_null(strstr(lode_last_error(), "60"));
    path[LODE_DIR_MAX] = '\0';
    cr_assert(lode_paths_resolve(path, &paths) == LODE_OK);
}

/* Who only looks at a cluster needs no state directory, and so no HOME. */
Test(paths, a_home_that_is_no_path_is_the_matter_of_who_needs_a_state_directory)
{
    char want[64];
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", "nowhere", 1);
    cr_assert_str_eq(resolve(NULL).state, "");
    cr_assert_str_eq(resolve("/tmp/one").state, "");
    unsetenv("HOME");
    snprintf(want, sizeof want, "/var/tmp/lode-%u", (unsigned)getuid());
    cr_assert_str_eq(resolve(NULL).state, want);
    setenv("HOME", "/", 1);
    cr_assert_str_eq(resolve(NULL).state, "//.local/state/lode");
}

Test(paths, join_refuses_what_does_not_fit)
{
    char path[16];
    cr_assert(lode_path_join(path, sizeof path, "/tmp", "f-%d", 1) == LODE_OK);
    cr_assert_str_eq(path, "/tmp/f-1");
    cr_assert(lode_path_join(path, sizeof path, "/tmp", "file-%d", 123456) == LODE_EINVAL);
    cr_assert_str_eq(path, "/tmp/f-1");
}

static void
prepare(const struct lode_paths *paths)
{
    cr_assert(lode_directory_prepare(paths->dir, "LODE_DIR") == LODE_OK);
    cr_assert(lode_directory_prepare(paths->shm, "LODE_SHM_DIR") == LODE_OK);
    cr_assert(lode_directory_prepare(paths->state, "LODE_STATE_DIR") == LODE_OK);
}

static void
touch(const char *dir, const char *name)
{
    char path[LODE_PATH_MAX];
    cr_assert(lode_path_join(path, sizeof path, dir, "%s", name) == LODE_OK);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    cr_assert(fd >= 0);
    close(fd);
}

static bool
there(const char *dir, const char *name)
{
    char path[LODE_PATH_MAX];
    cr_assert(lode_path_join(path, sizeof path, dir, "%s", name) == LODE_OK);
    return access(path, F_OK) == 0;
}

Test(paths, a_sweep_takes_ours_and_nothing_else)
{
    struct lode_paths paths = resolve_here("swept");
    prepare(&paths);
    touch(paths.dir, "store.sock");
    touch(paths.dir, "scheduler.sock");
    touch(paths.dir, "letter");
    touch(paths.shm, "segment-0");
    touch(paths.shm, "session-17");
    touch(paths.shm, "of-somebody-else");
    lode_paths_sweep(&paths, LODE_SWEEP_STORE, -1, LODE_NEVER);
    cr_assert(!there(paths.dir, "store.sock"));
    cr_assert(there(paths.dir, "scheduler.sock"));
    cr_assert(!there(paths.shm, "segment-0"));
    cr_assert(!there(paths.shm, "session-17"));
    lode_paths_sweep(&paths, LODE_SWEEP_ALL, -1, LODE_NEVER);
    cr_assert(!there(paths.dir, "scheduler.sock"));
    cr_assert(there(paths.dir, "letter"));
    cr_assert(there(paths.shm, "of-somebody-else"));
}

static void
count_dead(const struct lode_dead *dead, void *arg)
{
    (void)dead;
    ++*(int *)arg;
}

/* Three dead clusters beside ours. A start that is late leaves those that it has no time for. */
Test(paths, a_sweep_ends_with_its_time_and_the_next_one_takes_the_rest)
{
    static const char *const names[] = {"one", "two", "three"};
    struct lode_paths paths;
    int swept = 0;
    for (size_t i = 0; i < 3; i++) {
        paths = resolve_here(names[i]);
        prepare(&paths);
        touch(paths.shm, "index");
    }
    lode_sweep_dead(&paths, true, 0, count_dead, &swept);
    cr_assert(swept == 0);
    lode_sweep_dead(&paths, true, LODE_NEVER, count_dead, &swept);
    cr_assert(swept == 3);
    lode_sweep_dead(&paths, true, LODE_NEVER, count_dead, &swept);
    cr_assert(swept == 3);
}

Test(paths, a_private_cluster_leaves_no_directory)
{
    struct lode_paths paths = resolve_here("private");
    prepare(&paths);
    touch(paths.dir, "store.lock");
    touch(paths.dir, "owner");
    touch(paths.shm, "index");
    lode_paths_sweep(&paths, LODE_SWEEP_PRIVATE, -1, LODE_NEVER);
    cr_assert(access(paths.dir, F_OK) != 0);
    cr_assert(access(paths.shm, F_OK) != 0);
    cr_assert(access(paths.state, F_OK) != 0);
}
