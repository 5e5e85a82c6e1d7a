#include "tools/lode/bench.h"

#include "api/cluster/paths.h"
#include "tools/cli/program.h"
#include "tools/supervisor/spawn.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* lode-bench is a program of its own, so that `lode status` never loads OpenBLAS. */
int
command_bench(int argc, char **argv)
{
    char dir[LODE_PATH_MAX], path[LODE_PATH_MAX];
    (void)argc;
    lode_err err = spawn_own_dir(dir, sizeof dir);
    if (err == LODE_OK) {
        err = lode_path_join(path, sizeof path, dir, "lode-bench");
    }
    if (err != LODE_OK) {
        return program_failed(err);
    }
    execv(path, argv);
    bool is_missing = errno == ENOENT;
    return program_error(is_missing ? EXIT_NOT_FOUND : EXIT_FAILED, "cannot run '%s': %s%s", path,
                         strerror(errno),
                         is_missing ? "; it is built with the tests (LODE_BUILD_TESTS)" : "");
}
