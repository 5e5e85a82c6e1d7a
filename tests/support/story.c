#include "tests/support/story.h"

#include "api/cluster/files.h"
#include "tests/support/leftovers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATH_ROOM = 256, DEADLINE_TIMES = 10, PROCESSES_MAX = 1024, END_MS = 5000 };

/* In the environment of everything that a story starts: how its processes are found. */
#define TAG_VARIABLE "LODE_TEST_TAG"

static struct {
    char tag[32];
    char dir[64], shm[64], state[64], files[64], base[64];
    pid_t guard;
} here;

static void
make_dir(const char *path)
{
    if (mkdir(path, 0700) != 0) {
        give_up("mkdir %s: %s", path, strerror(errno));
    }
}

/* State lies under /var/tmp: spilling to a tmpfs frees nothing, and /tmp may be one. */
static void
name_directories(pid_t guard)
{
    here.guard = guard;
    snprintf(here.tag, sizeof here.tag, "lt-%d", (int)guard);
    snprintf(here.base, sizeof here.base, "/tmp/%s", here.tag);
    snprintf(here.dir, sizeof here.dir, "/tmp/%s/d", here.tag);
    snprintf(here.files, sizeof here.files, "/tmp/%s/files", here.tag);
    snprintf(here.shm, sizeof here.shm, "/dev/shm/%s", here.tag);
    snprintf(here.state, sizeof here.state, "/var/tmp/%s", here.tag);
}

static void
remove_directories(void)
{
    remove_tree(here.base);
    remove_tree(here.shm);
    remove_tree(here.state);
}

static void
make_directories(void)
{
    remove_directories(); /* of a test that was killed, whose pid has come round */
    make_dir(here.base);
    make_dir(here.dir);
    make_dir(here.files);
    make_dir(here.shm);
    make_dir(here.state);
    setenv(TAG_VARIABLE, here.tag, 1);
    setenv("LODE_DIR", here.dir, 1);
    setenv("LODE_SHM_DIR", here.shm, 1);
    setenv("LODE_STATE_DIR", here.state, 1);
    setenv("XDG_RUNTIME_DIR", here.base, 1);
    setenv("XDG_STATE_HOME", here.state, 1);
}

/* Waits for the next child that ends, up to the deadline. 0: time is over; -1: no child is left. */
static pid_t
reap(int64_t deadline_ms, int *status_out)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    for (;;) {
        pid_t pid = waitpid(-1, status_out, WNOHANG);
        if (pid != 0) {
            return pid;
        }
        int64_t left = deadline_ms - now_ms();
        if (left <= 0) {
            return 0;
        }
        struct timespec limit = {left / 1000, left % 1000 * 1000000};
        sigtimedwait(&child, NULL, &limit);
    }
}

static void
kill_all(void)
{
    pid_t pids[PROCESSES_MAX];
    int count = story_processes(NULL, pids, PROCESSES_MAX);
    for (int i = 0; i < count; i++) {
        kill(pids[i], SIGKILL);
    }
}

static int
verdict(int status)
{
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "the story died of signal %d (%s)\n", WTERMSIG(status),
                strsignal(WTERMSIG(status)));
        return 1;
    }
    return WEXITSTATUS(status);
}

/* Until the story itself has ended: its verdict, or 1 at the deadline. */
static int
await_story(pid_t story, int64_t deadline_ms)
{
    int status = 0;
    for (;;) {
        pid_t pid = reap(deadline_ms, &status);
        if (pid == story) {
            return verdict(status);
        }
        if (pid == 0) {
            fprintf(stderr, "the story hangs; its processes:\n");
            print_processes(here.tag);
            return 1;
        }
    }
}

/* What a story that went well has left. A story that failed is only cleaned up after. */
static int
check_leftovers(void)
{
    int status;
    int bad = 0;
    int64_t deadline = now_ms() + bound_ms(END_MS);
    pid_t pid;
    do {
        pid = reap(deadline, &status);
    } while (pid > 0);
    if (pid == 0 || story_processes(NULL, NULL, 0) > 0) {
        fprintf(stderr, "the story left processes:\n");
        print_processes(here.tag);
        bad = 1;
    }
    bad |= print_leftovers(here.shm, LEFT_ANY);
    bad |= print_leftovers(here.base, LEFT_SOCKET);
    return bad;
}

/* True in the process that the guard started: it finds its guard's pid in its environment. */
static bool
is_story(void)
{
    const char *tag = getenv(TAG_VARIABLE);
    return tag != NULL && strncmp(tag, "lt-", 3) == 0 && atoi(tag + 3) == (int)getppid();
}

/* An exec, not a mere fork: /proc shows the environment that a process was started with. */
static pid_t
start_story(char **argv, const sigset_t *mask)
{
    pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, mask, NULL);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* ctest kills the guard alone */
        execv("/proc/self/exe", argv);
        give_up("cannot start the story: %s", strerror(errno));
    }
    return pid;
}

int
story_run(int argc, char **argv, int seconds, story_fn story)
{
    sigset_t child;
    sigset_t before;
    if (is_story()) {
        name_directories(getppid());
        story(argc, argv);
        return 0;
    }
    name_directories(getpid());
    make_directories();
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t pid = start_story(argv, &before);
    int result = await_story(pid, now_ms() + (int64_t)seconds * 1000 * DEADLINE_TIMES);
    if (result == 0) {
        result = check_leftovers();
    }
    kill_all();
    int status;
    while (reap(now_ms() + END_MS, &status) > 0) {
    }
    remove_directories();
    return result;
}

const char *
story_dir(void)
{
    return here.dir;
}

const char *
story_shm(void)
{
    return here.shm;
}

const char *
story_state(void)
{
    return here.state;
}

const char *
story_files(void)
{
    return here.files;
}

/* Several may be in use at once; a story names a handful. */
static const char *
keep_path(const char *dir, const char *prefix, const char *name, const char *suffix)
{
    static char paths[8][PATH_ROOM];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, PATH_ROOM, "%s/%s%s%s", dir, prefix, name, suffix);
    return path;
}

const char *
story_program(const char *name)
{
    return keep_path(LODE_TEST_BIN_DIR, "", name, "");
}

const char *
story_tasks(const char *name)
{
    return keep_path(LODE_TEST_TASKS_DIR, "lib", name, ".so");
}

int
story_processes(const char *name, pid_t *pids, int room)
{
    pid_t all[PROCESSES_MAX];
    int count = find_processes(here.tag, name, all, PROCESSES_MAX);
    int ours = 0;
    for (int i = 0; i < count; i++) {
        if (all[i] == here.guard || all[i] == getpid()) {
            continue;
        }
        if (ours < room) {
            pids[ours] = all[i];
        }
        ours++;
    }
    return ours;
}

pid_t
story_process(const char *name)
{
    pid_t pid = 0;
    int count = story_processes(name, &pid, 1);
    if (count != 1) {
        give_up("%d processes are called %s, want 1", count, name);
    }
    return pid;
}

/* 'T' and the like; 0: no such thread. */
static char
state_of_thread(const char *task_dir, const char *thread)
{
    char path[64 + 1 + 255 + 6], state = 0;
    snprintf(path, sizeof path, "%s/%s/stat", task_dir, thread);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) {
            state = 0; /* it has ended meanwhile */
        }
        fclose(file);
    }
    return state;
}

void
story_await_asleep(pid_t thread)
{
    char name[16];
    snprintf(name, sizeof name, "%d", (int)thread);
    while (state_of_thread("/proc/self/task", name) != 'S') {
        sched_yield();
    }
}

static bool
is_stopped(pid_t pid)
{
    char path[64];
    int running = 0, stopped = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    expect(tasks != NULL);
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        if (task->d_name[0] != '.') {
            char state = state_of_thread(path, task->d_name);
            stopped += state == 'T';
            running += state != 'T' && state != 0;
        }
    }
    closedir(tasks);
    return running == 0 && stopped > 0;
}

void
story_stop_process(pid_t pid)
{
    expect_eq(kill(pid, SIGSTOP), 0);
    while (!is_stopped(pid)) {
        sched_yield();
    }
}

bool
story_wait_end(pid_t pid, int64_t ms)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        return true; /* gone already */
    }
    struct pollfd end = {.fd = fd, .events = POLLIN};
    int n;
    do {
        n = poll(&end, 1, (int)ms);
    } while (n < 0 && errno == EINTR);
    close(fd);
    return n == 1;
}

void
story_stderr_into(const char *path)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    expect(fd >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO);
    close(fd);
}

int
story_fifo(char *path_out, size_t room, const char *name)
{
    snprintf(path_out, room, "%s/%s", story_files(), name);
    expect_eq(mkfifo(path_out, 0600), 0);
    int fd = open(path_out, O_RDWR | O_CLOEXEC);
    expect(fd >= 0);
    return fd;
}

int
story_count_files(const char *dir)
{
    return count_files(dir);
}

int
story_count_state(void)
{
    char log[4096];
    int count = count_files(story_state());
    snprintf(log, sizeof log, "%s/%s", story_state(), LODE_FILE_PRIVATE_LOG);
    return access(log, F_OK) == 0 ? count - 1 : count;
}
