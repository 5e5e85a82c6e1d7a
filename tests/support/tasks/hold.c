/* A task that goes on when its story says so. */
#include <lode/lode.h>

#include <fcntl.h>
#include <unistd.h>

/* Says by a byte into one fifo that it runs, waits for a byte in the other; gives the attempt. */
static lode_err
until(lode_task *task)
{
    const char *runs, *go;
    char byte = 'r';
    LODE_TRY(lode_task_str(task, 0, &runs));
    LODE_TRY(lode_task_str(task, 1, &go));
    int to = open(runs, O_WRONLY | O_CLOEXEC);
    if (to < 0 || write(to, &byte, 1) != 1) {
        return LODE_ESYS;
    }
    close(to);
    int from = open(go, O_RDONLY | O_CLOEXEC);
    if (from < 0 || read(from, &byte, 1) != 1) {
        return LODE_ESYS;
    }
    close(from);
    return lode_task_return_i64(task, 0, lode_task_attempt(task));
}

static const lode_function functions[] = {
    {"until", "(runs: str, go: str) -> i64", until, 1},
    {0},
};
LODE_LIBRARY("hold", functions, NULL);
