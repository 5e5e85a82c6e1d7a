/* What a library finds by $ORIGIN lies around its copy as it does around the library. */
#include "scheduler/libraries/neighbours.h"
#include "tests/support/check.h"
#include "tests/support/leftovers.h"
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
    snprintf(dir, sizeof dir, "/tmp/lode-neighbours-XXXXXX");
    scratch_dir(dir);
}

static void
teardown(void)
{
    remove_tree(dir);
}

TestSuite(neighbours, .init = setup, .fini = teardown, .timeout = 60);

static void
make_file(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    expect(fd >= 0);
    close(fd);
}

static bool
is_there(const char *from, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%.511s/%s", from, name);
    return access(path, F_OK) == 0;
}

Test(neighbours, what_stands_behind_origin_is_found_in_any_bytes)
{
    static _Alignas(8) const char BYTES[] =
        "x\0$ORIGIN:/usr/lib:${ORIGIN}/../lib\0$ORIGINAL\0$ORIGIN/cut";
    struct neighbours found;
    neighbours_find(BYTES, sizeof BYTES - 1, "/o", &found);
    cr_assert_eq(found.count, 2);
    cr_assert_str_eq(found.place[0], "");
    cr_assert_str_eq(found.place[1], "/../lib");
    neighbours_find("$ORIGI", 6, "/o", &found);
    cr_assert_eq(found.count, 0);
}

Test(neighbours, libraries_are_linked_and_nothing_leads_out_of_the_root)
{
    char root[128], origin[128], place[512], path[256];
    struct neighbours all = {.place = {"", "/../lib", "/../../../../../../../up", "/sub/./x"},
                             .count = 4};
    static const char *const DIRS[] = {"bin", "lib", "bin/sub", "bin/sub/x"};
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, DIRS[i]);
        expect_eq(mkdir(path, 0700), 0);
    }
    make_file("bin/libnear.so.1");
    make_file("bin/near.txt");
    make_file("lib/libfar.so");
    make_file("bin/sub/x/libdeep.so");
    snprintf(root, sizeof root, "%s/copy", dir);
    snprintf(origin, sizeof origin, "%s/bin", dir);
    expect(neighbours_make(&all, origin, root, place, sizeof place));
    expect(neighbours_make(&all, origin, root, place, sizeof place)); /* again */
    expect(strncmp(place, root, strlen(root)) == 0);
    expect(is_there(place, "libnear.so.1"));
    expect(!is_there(place, "near.txt"));
    expect(is_there(place, "../lib/libfar.so"));
    expect(is_there(place, "sub/x/libdeep.so"));
    expect(!is_there(dir, "up") && !is_there(root, "up"));
}
