#include "tools/lode/cluster/background.h"

#include "api/base/fail.h"
#include "api/cluster/directories.h"
#include "api/wire/private_start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Opens the log to be written at its end. One that has grown large becomes NAME.old. */
static lode_err
open_log(const char *dir, char path_out[LODE_PATH_MAX], int *fd_out)
{
    struct lode_paths paths;
    struct stat st;
    char old[LODE_PATH_MAX];
    LODE_TRY(lode_paths_resolve(dir, &paths));
    if (paths.state[0] == '\0') {
        return lode_fail_with(LODE_EINVAL, "there is no directory for the log: set LODE_STATE_DIR");
    }
    LODE_TRY(lode_directory_prepare(paths.state, "LODE_STATE_DIR"));
    LODE_TRY(lode_path_join(path_out, LODE_PATH_MAX, paths.state, BACKGROUND_LOG));
    LODE_TRY(lode_path_join(old, LODE_PATH_MAX, paths.state, BACKGROUND_LOG ".old"));
    if (stat(path_out, &st) == 0 && st.st_size >= BACKGROUND_LOG_BYTES &&
        rename(path_out, old) != 0) {
        return lode_fail_errno("cannot put '%s' aside", path_out);
    }
    int fd = open(path_out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    *fd_out = fd;
    return fd >= 0 ? LODE_OK : lode_fail_errno("cannot open the log '%s'", path_out);
}

/* Until the child has said that all is up, or why not, or has ended. */
static lode_err
await_child(int fd, pid_t pid, const char *log)
{
    char text[LODE_FAIL_MAX];
    size_t used = 0;
    ssize_t got = 1;
    while (got != 0 && used < sizeof text - 1) {
        got = read(fd, text + used, sizeof text - 1 - used);
        if (got < 0 && errno != EINTR) {
            break;
        }
        used += got > 0 ? (size_t)got : 0;
        if (used > 0 && text[0] == LODE_START_READY) {
            return LODE_OK;
        }
    }
    text[used] = '\0';
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) { /* then it has left nothing */
    }
    return used > 1 ? lode_fail_with(LODE_ESYS, "%s; more is in '%s'", text + 1, log)
                    : lode_fail_with(LODE_ESYS, "it ended while it started; see '%s'", log);
}

static void
let_go(int log)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    setsid();
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        close(null);
    }
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    close(log);
}

lode_err
background_start(const char *dir, pid_t *pid_out, int *ready_fd_out, char log_out[LODE_PATH_MAX])
{
    int ready[2] = {-1, -1}, log = -1;
    LODE_TRY(open_log(dir, log_out, &log));
    if (pipe2(ready, O_CLOEXEC) != 0) {
        close(log);
        return lode_fail_errno("cannot make a pipe");
    }
    fflush(NULL);
    *pid_out = fork();
    if (*pid_out == 0) {
        close(ready[0]);
        let_go(log);
        *ready_fd_out = ready[1];
        return LODE_OK;
    }
    lode_err err = *pid_out < 0 ? lode_fail_errno("cannot fork") : LODE_OK;
    close(ready[1]);
    close(log);
    if (err == LODE_OK) {
        err = await_child(ready[0], *pid_out, log_out);
    }
    close(ready[0]);
    return err;
}
