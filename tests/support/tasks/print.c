/* Tasks that print, and that leave behind what prints later. */
#include <lode/lode.h>

#include "api/layout/worker_page.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RESULTS = 1000 };

static lode_err
whole(lode_task *task)
{
    const char *text;
    LODE_TRY(lode_task_str(task, 0, &text));
    printf("%s\n", text);
    return lode_task_return_i64(task, 0, getpid());
}

/* "": the worker dies, and has time for nothing. */
static lode_err
whole_or_die(lode_task *task)
{
    const char *text;
    LODE_TRY(lode_task_str(task, 0, &text));
    if (text[0] == '\0') {
        raise(SIGKILL);
    }
    return whole(task);
}

/*
 * Says by a byte that it runs, waits for one, prints, and returns more numbers than a commit record
 * can carry. Its stdout has a large buffer, where the line stays until the function has returned.
 */
static lode_err
thousand(lode_task *task)
{
    const char *runs, *go, *text;
    char byte = 'r';
    LODE_TRY(lode_task_str(task, 0, &runs));
    LODE_TRY(lode_task_str(task, 1, &go));
    LODE_TRY(lode_task_str(task, 2, &text));
    int to = open(runs, O_WRONLY | O_CLOEXEC);
    int from = open(go, O_RDONLY | O_CLOEXEC);
    if (to < 0 || from < 0 || write(to, &byte, 1) != 1 || read(from, &byte, 1) != 1) {
        return LODE_ESYS;
    }
    close(to);
    close(from);
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    printf("%s\n", text);
    for (size_t i = 0; i < RESULTS; i++) {
        LODE_TRY(lode_task_return_i64(task, i, (int64_t)i));
    }
    return LODE_OK;
}

/* A line that has no line feed. */
static lode_err
part(lode_task *task)
{
    const char *text;
    LODE_TRY(lode_task_str(task, 0, &text));
    if (write(STDOUT_FILENO, text, strlen(text)) < 0) {
        return LODE_ESYS;
    }
    return lode_task_return_i64(task, 0, getpid());
}

static lode_err
often(lode_task *task)
{
    const char *text;
    int64_t count;
    LODE_TRY(lode_task_str(task, 0, &text));
    LODE_TRY(lode_task_i64(task, 1, &count));
    for (int64_t i = 0; i < count; i++) {
        printf("%s\n", text);
    }
    return lode_task_return_i64(task, 0, getpid());
}

static lode_err
often_then_fail(lode_task *task)
{
    lode_err err = often(task);
    return err != LODE_OK ? err : lode_fail(task, LODE_EINVAL, "that was too much");
}

/* Says by a byte that it has begun. */
static lode_err
endless(lode_task *task)
{
    const char *path;
    LODE_TRY(lode_task_str(task, 0, &path));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "r", 1) != 1) {
        return LODE_ESYS;
    }
    close(fd);
    while (!lode_task_cancelled(task)) {
        if (write(STDOUT_FILENO, "y\ny\ny\ny\ny\ny\ny\ny\n", 16) < 0) {
            return LODE_ESYS;
        }
    }
    return lode_task_return_i64(task, 0, getpid());
}

static void *
write_for_ever(void *arg)
{
    static const struct timespec pause = {.tv_nsec = 100000};
    for (;;) {
        if (write(STDOUT_FILENO, arg, strlen(arg)) < 0) {
            return NULL;
        }
        nanosleep(&pause, NULL);
    }
}

static lode_err
leave_thread(lode_task *task)
{
    static char line[64];
    pthread_t thread;
    const char *text;
    LODE_TRY(lode_task_str(task, 0, &text));
    snprintf(line, sizeof line, "%s\n", text);
    if (pthread_create(&thread, NULL, write_for_ever, line) != 0) {
        return LODE_ESYS;
    }
    pthread_detach(thread);
    return lode_task_return_i64(task, 0, getpid());
}

/*
 * A stream of the task's own, with the same descriptor as stdout, in whose buffer a line waits. And
 * C++'s library, whose streams nobody uses: so none of them was constructed.
 */
static lode_err
leave_stream(lode_task *task)
{
    const char *text;
    LODE_TRY(lode_task_str(task, 0, &text));
    (void)dlopen("libstdc++.so.6", RTLD_LAZY); /* on a machine that has it */
    FILE *stream = fdopen(STDOUT_FILENO, "w");
    if (stream == NULL || setvbuf(stream, NULL, _IOFBF, BUFSIZ) != 0 ||
        fprintf(stream, "%s\n", text) < 0) {
        return LODE_ESYS;
    }
    return lode_task_return_i64(task, 0, getpid());
}

/* Flushes all streams that there are, whoever has opened them. */
static lode_err
flush(lode_task *task)
{
    fflush(NULL);
    return lode_task_return_i64(task, 0, getpid());
}

/* Waits for a byte, prints, and says so by a byte. */
static void
be_late(const char *path, const char *text)
{
    char byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &byte, 1) != 1 || write(STDOUT_FILENO, text, strlen(text)) < 0) {
        _exit(1);
    }
    close(fd);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    _exit(fd >= 0 && write(fd, "d", 1) == 1 ? 0 : 1);
}

/* A daemon: no child of the worker's, and in a session of its own. */
static lode_err
leave_daemon(lode_task *task)
{
    const char *path, *text;
    LODE_TRY(lode_task_str(task, 0, &path));
    LODE_TRY(lode_task_str(task, 1, &text));
    pid_t child = fork();
    if (child == 0) {
        pid_t daemon = setsid() > 0 ? fork() : -1;
        if (daemon == 0) {
            be_late(path, text);
        }
        _exit(daemon > 0 ? 0 : 1);
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        return LODE_ESYS;
    }
    return lode_task_return_i64(task, 0, getpid());
}

/* A child that sleeps until the cluster ends. */
static lode_err
leave_child(lode_task *task)
{
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            pause();
        }
    }
    return child > 0 ? lode_task_return_i64(task, 0, getpid()) : LODE_ESYS;
}

/* The page that the worker shares with the scheduler. */
static struct lode_worker_page *
find_page(void)
{
    char line[512];
    unsigned long from = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, "lode-worker-page") != NULL) {
            from = strtoul(line, NULL, 16);
            break;
        }
    }
    if (maps != NULL) {
        fclose(maps);
    }
    return (struct lode_worker_page *)from; /* NOLINT: that is where it lies */
}

/* Takes the lock for output, and keeps it. */
static lode_err
keep_lock(lode_task *task)
{
    struct lode_worker_page *page = find_page();
    if (page == NULL || page->magic != LODE_WORKER_PAGE_MAGIC) {
        return LODE_EPROTO;
    }
    atomic_store(&page->output_lock, 1);
    printf("the lock is mine\n");
    return lode_task_return_i64(task, 0, getpid());
}

/* Says that it has sent records which the scheduler has not. */
static lode_err
count_too_many(lode_task *task)
{
    struct lode_worker_page *page = find_page();
    if (page == NULL || page->magic != LODE_WORKER_PAGE_MAGIC) {
        return LODE_EPROTO;
    }
    atomic_fetch_add(&page->printed, 1000);
    return lode_task_return_i64(task, 0, getpid());
}

static const lode_function functions[] = {
    {"whole", "(text: str) -> i64", whole, 1},
    {"whole_or_die", "(text: str) -> i64", whole_or_die, 1},
    {"thousand", "(runs: str, go: str, text: str) -> 1000 i64", thousand, RESULTS},
    {"part", "(text: str) -> i64", part, 1},
    {"often", "(text: str, count: i64) -> i64", often, 1},
    {"often_then_fail", "(text: str, count: i64) -> i64", often_then_fail, 1},
    {"endless", "(path: str) -> i64", endless, 1},
    {"leave_thread", "(text: str) -> i64", leave_thread, 1},
    {"leave_stream", "(text: str) -> i64", leave_stream, 1},
    {"flush", "() -> i64", flush, 1},
    {"leave_child", "() -> i64", leave_child, 1},
    {"leave_daemon", "(path: str, text: str) -> i64", leave_daemon, 1},
    {"keep_lock", "() -> i64", keep_lock, 1},
    {"count_too_many", "() -> i64", count_too_many, 1},
    {0},
};
LODE_LIBRARY("print", functions, NULL);
