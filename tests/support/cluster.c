#include "tests/support/cluster.h"

#include "tests/support/story.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { READY_FD = 9, ARGUMENTS_MAX = 16, STATS_MS = 10000 };

static pid_t
spawn(const char *const *argv, posix_spawn_file_actions_t *actions)
{
    pid_t pid;
    const char *path = argv[0][0] == '/' ? argv[0] : story_program(argv[0]);
    int err = posix_spawn(&pid, path, actions, NULL, (char *const *)argv, environ);
    if (err != 0) {
        give_up("cannot start %s: %s", path, strerror(err));
    }
    return pid;
}

static int
await_exit(pid_t pid)
{
    int status;
    pid_t got;
    do {
        got = waitpid(pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    if (got != pid) {
        give_up("waitpid %d: %s", (int)pid, strerror(errno));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Starts a daemon and waits for its byte; an end of file without one is a failed start. */
static pid_t
start_ready(const char *const *argv)
{
    int ready[2];
    char byte;
    posix_spawn_file_actions_t actions;
    if (pipe2(ready, O_CLOEXEC) != 0) {
        give_up("pipe: %s", strerror(errno));
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ready[1], READY_FD);
    pid_t pid = spawn(argv, &actions);
    posix_spawn_file_actions_destroy(&actions);
    close(ready[1]);
    ssize_t n;
    do {
        n = read(ready[0], &byte, 1);
    } while (n < 0 && errno == EINTR);
    close(ready[0]);
    if (n != 1 || byte == '-') { /* it says why on stderr, too */
        give_up("%s did not start: exit status %d", argv[0], await_exit(pid));
    }
    return pid;
}

pid_t
store_start(uint64_t capacity_bytes)
{
    char capacity[32];
    const char *argv[ARGUMENTS_MAX] = {"lode-store", "--ready-fd", "9"};
    if (capacity_bytes > 0) {
        snprintf(capacity, sizeof capacity, "%llu", (unsigned long long)capacity_bytes);
        argv[3] = "--capacity";
        argv[4] = capacity;
    }
    return start_ready(argv);
}

pid_t
cluster_start(int cpus, uint64_t capacity_bytes)
{
    return cluster_start_with(cpus, 0, capacity_bytes);
}

/* 0: the default of lode's own. */
struct how {
    int cpus, max_workers, load_s;
    uint64_t capacity_bytes;
};

static void
add_number(const char **argv, int *at_io, const char *option, uint64_t number, char text[32])
{
    if (number > 0) {
        snprintf(text, 32, "%llu", (unsigned long long)number);
        argv[(*at_io)++] = option;
        argv[(*at_io)++] = text;
    }
}

static pid_t
cluster_start_how(struct how how)
{
    char text[4][32];
    int at = 4;
    const char *argv[ARGUMENTS_MAX] = {"lode", "start", "--ready-fd", "9"};
    add_number(argv, &at, "--num-cpus", (uint64_t)how.cpus, text[0]);
    add_number(argv, &at, "--max-workers", (uint64_t)how.max_workers, text[1]);
    add_number(argv, &at, "--load-timeout", (uint64_t)how.load_s, text[2]);
    add_number(argv, &at, "--capacity", how.capacity_bytes, text[3]);
    return start_ready(argv);
}

pid_t
cluster_start_with(int cpus, int max_workers, uint64_t capacity_bytes)
{
    return cluster_start_how((struct how){cpus, max_workers, 0, capacity_bytes});
}

pid_t
cluster_start_patient(int cpus, uint64_t capacity_bytes, int load_s)
{
    return cluster_start_how((struct how){cpus, 0, load_s, capacity_bytes});
}

void
daemon_stop(pid_t pid)
{
    kill(pid, SIGTERM);
    expect_eq(await_exit(pid), 0);
}

void
daemon_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    await_exit(pid);
}

void
cluster_stop(pid_t supervisor)
{
    const char *argv[] = {"lode", "stop", NULL};
    expect_eq(program_run(argv, NULL, NULL, 0), 0);
    expect_eq(await_exit(supervisor), 0);
}

/* Reads both pipes to their ends; what does not fit is read and dropped. */
static void
read_both(const int fds[2], char *const outs[2], size_t room)
{
    size_t used[2] = {0, 0};
    struct pollfd polls[2] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};
    while (polls[0].fd >= 0 || polls[1].fd >= 0) {
        if (poll(polls, 2, -1) < 0) {
            continue;
        }
        for (int i = 0; i < 2; i++) {
            char chunk[4096];
            if (polls[i].fd < 0 || polls[i].revents == 0) {
                continue;
            }
            ssize_t n = read(polls[i].fd, chunk, sizeof chunk);
            if (n <= 0) {
                polls[i].fd = -1;
                continue;
            }
            size_t fits = room - 1 - used[i] < (size_t)n ? room - 1 - used[i] : (size_t)n;
            memcpy(outs[i] + used[i], chunk, fits);
            used[i] += fits;
            outs[i][used[i]] = '\0';
        }
    }
}

int
program_run(const char *const *argv, char *stdout_out, char *stderr_out, size_t room)
{
    int out[2];
    int err[2];
    if (stdout_out == NULL || stderr_out == NULL || room == 0) {
        return await_exit(spawn(argv, NULL));
    }
    stdout_out[0] = stderr_out[0] = '\0';
    posix_spawn_file_actions_t actions;
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
        give_up("pipe: %s", strerror(errno));
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    pid_t pid = spawn(argv, &actions);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    close(err[1]);
    read_both((const int[2]){out[0], err[0]}, (char *const[2]){stdout_out, stderr_out}, room);
    close(out[0]);
    close(err[0]);
    return await_exit(pid);
}

int
leave_out_slow_ends(char *text)
{
    static const char slow[] = " did not end in time";
    char *to = text;
    int count = 0;
    for (char *line = text, *end; *line != '\0'; line = end) {
        end = strchrnul(line, '\n');
        end += *end == '\n';
        size_t size = (size_t)(end - line);
        if (memmem(line, size, slow, sizeof slow - 1) == NULL) {
            memmove(to, line, size);
            to += size;
        } else {
            count++;
        }
    }
    *to = '\0';
    return count;
}

int
count_slow_ends(const char *path)
{
    static char text[64 << 10];
    int said = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = said < 0 ? 0 : read(said, text, sizeof text - 1);
    expect(got >= 0);
    text[got] = '\0';
    if (said >= 0) {
        close(said);
    }
    int count = leave_out_slow_ends(text);
    if (text[0] != '\0') {
        give_up("the cluster said: %s", text);
    }
    return count;
}

lode *
cluster_open(void)
{
    lode *db = NULL;
    lode_open_options options = {.struct_size = sizeof options, .flags = LODE_OPEN_ATTACH};
    must(lode_open(NULL, &options, &db));
    return db;
}

static long most_kib;
static int session_files;

static int
look_at_file(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    if (type == FTW_F && strncmp(path + walk->base, "session-", 8) == 0) {
        long kib = (long)st->st_blocks / 2;
        most_kib = kib > most_kib ? kib : most_kib;
        session_files++;
    }
    return 0;
}

long
store_session_kib(int *count_out)
{
    most_kib = session_files = 0;
    expect_eq(nftw(story_shm(), look_at_file, 8, FTW_PHYS), 0);
    *count_out = session_files;
    return most_kib;
}

enum { PIECES_MAX = 64 };
static lode_id pieces[PIECES_MAX];
static int piece_count;

void
store_fill(lode *db)
{
    piece_count = 0;
    for (size_t size = 1 << 20; size >= 4096;) {
        lode_draft draft;
        lode_err err = lode_create(db, size, NULL, 0, &draft);
        if (err != LODE_OK) {
            expect_eq(err, LODE_EFULL);
            size /= 2;
            continue;
        }
        expect_lt(piece_count, PIECES_MAX);
        must(lode_seal(&draft, &pieces[piece_count++]));
    }
}

void
store_make_room(lode *db)
{
    for (int i = 0; i < piece_count; i++) {
        lode_drop(db, pieces[i]);
    }
}

void
cluster_offer(const char *tasks)
{
    char name[256], said[512];
    const char *const argv[] = {"lode", "load", story_tasks(tasks), NULL};
    int status = program_run(argv, name, said, sizeof name - 1);
    if (status != 0) {
        give_up("lode load %s: %d, %s", tasks, status, said);
    }
}

lode *
cluster_open_with(const char *tasks)
{
    lode_scheduler_stats stats;
    cluster_offer(tasks);
    lode *db = cluster_open();
    must(lode_get_scheduler_stats(db, &stats));
    return db;
}

lode *
store_open(void)
{
    lode *db = NULL;
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_ATTACH | LODE_OPEN_STORE_ONLY};
    must(lode_open(NULL, &options, &db));
    return db;
}

lode *
private_open(void)
{
    lode *db = NULL;
    lode_open_options options = {
        .struct_size = sizeof options, .num_cpus = 1, .capacity_bytes = 32 << 20};
    must(lode_open(NULL, &options, &db));
    return db;
}

/* A busy machine may take longer than the library waits: asked again for as long as is bearable. */
static bool
asks_again(lode_err err, int64_t start)
{
    return err == LODE_ETIMEDOUT && now_ms() < start + bound_ms(5000);
}

static void
ask_store(lode *db, lode_store_stats *stats_out)
{
    int64_t start = now_ms();
    lode_err err;
    while (asks_again(err = lode_get_store_stats(db, stats_out), start)) {
    }
    must(err);
}

void
await_store_stat(lode *db, size_t field, uint64_t want)
{
    lode_store_stats stats;
    uint64_t value;
    int64_t end = now_ms() + bound_ms(STATS_MS);
    do {
        ask_store(db, &stats);
        memcpy(&value, (const char *)&stats + field, sizeof value);
        if (value == want) {
            return;
        }
    } while (now_ms() < end);
    give_up("the store's counter at byte %zu is %llu, want %llu", field, (unsigned long long)value,
            (unsigned long long)want);
}

static void
ask_scheduler(lode *db, lode_scheduler_stats *stats_out)
{
    int64_t start = now_ms();
    lode_err err;
    while (asks_again(err = lode_get_scheduler_stats(db, stats_out), start)) {
    }
    must(err);
}

void
await_submitted(lode *db, uint64_t tasks)
{
    lode_scheduler_stats stats;
    do {
        ask_scheduler(db, &stats);
    } while (stats.submitted < tasks);
}

void
await_sleeping(lode *db, uint64_t tasks)
{
    lode_scheduler_stats stats;
    int64_t end = now_ms() + bound_ms(10000);
    do {
        ask_scheduler(db, &stats);
        if (stats.tasks_running == tasks && stats.cpus_used == 0) {
            return;
        }
    } while (now_ms() < end);
    give_up("%d tasks run on %d CPUs", (int)stats.tasks_running, (int)stats.cpus_used);
}

/* A session that closes waits for what was printed. */
void
await_all_printed(lode *db)
{
    lode_scheduler_stats stats;
    do {
        ask_scheduler(db, &stats);
    } while (stats.tasks_ready > 0 || stats.tasks_running > 0);
    lode *other = cluster_open();
    ask_scheduler(other, &stats);
    lode_close(other);
}

void
expect_free_cpu(lode *db)
{
    lode_id id;
    int64_t value;
    must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, &id));
    must(lode_get_i64(db, id, bound_ms(15000), &value));
    expect_eq(value, 2);
    lode_drop(db, id);
}

void
expect_empty_store(lode *db)
{
    await_stat(db, sessions, 1);
    await_stat(db, objects, 0);
    await_stat(db, unsealed_objects, 0);
    await_stat(db, unsealed_bytes, 0);
    await_stat(db, names, 0);
}
