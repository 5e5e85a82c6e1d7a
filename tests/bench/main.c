/*
 * lode-bench: what lode costs, beside what the machine cannot do without.
 *
 *   lode-bench [CASE…] [--json] [--quick]
 *
 * Each case runs in a process of its own, and latency cases twice: everything on one CPU, and over
 * two. With --json, one line a case on stdout, as shared with the peers' benchmarks, and a table on
 * stderr; else the table on stdout.
 */
#include "api/system/descriptor.h"
#include "tests/bench/bench.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CASES_MAX = 64, EXIT_USAGE = 2, CASE_SECONDS = 300 };

extern char **environ;

static void
case_get_small(struct bench *bench)
{
    case_get(bench, 1 << 10, "get_small");
}

static void
case_get_large(struct bench *bench)
{
    case_get(bench, 100 * 1000 * 1000, "get_large");
}

static const struct bench_case {
    const char *name;
    void (*run)(struct bench *bench);
    bool twice; /* on one CPU, and over two */
    bool multiplies;
} CASES[] = {
    {"matmul_fanout", case_matmul_fanout, false, true},
    {"get_small", case_get_small, false, false},
    {"get_large", case_get_large, false, false},
    {"get_random", case_get_random, false, false},
    {"put_small", case_put_small, true, false},
    {"put_small_two", case_put_small_two, false, false},
    {"put_large", case_put_large, false, false},
    {"fragmentation", case_fragmentation, false, false},
    {"free_many", case_free_many, false, false},
    {"drop_many", case_drop_many, false, false},
    {"handoff", case_handoff, true, false},
    {"name_wait", case_name_wait, true, false},
    {"task_sync", case_task_sync, true, false},
    {"task_async", case_task_async, false, false},
    {"tasks_behind_one_id", case_tasks_behind_one_id, false, false},
    {"map_100", case_map_100, true, false},
    {"tree_reduce_100", case_tree_reduce_100, true, false},
    {"chain_reduce_100", case_chain_reduce_100, true, false},
    {"fib", case_fib, false, false},
    {"print", case_print, false, false},
    {"wait_1k", case_wait_1k, false, false},
    {"wait_many", case_wait_many, false, false},
    {"waitset", case_waitset, false, false},
    {"starvation", case_starvation, false, false},
    {"many_programs", case_many_programs, false, false},
    {"idle_sessions", case_idle_sessions, false, false},
    {"idle_sessions_questions", case_idle_sessions_questions, false, false},
    {"idle_session_memory", case_idle_session_memory, false, false},
    {"first_put", case_first_put, false, false},
    {"tricks", case_tricks, false, false},
    {"startup", case_startup, false, false},
    {"idle", case_idle, false, false},
};
enum { CASE_COUNT = sizeof CASES / sizeof CASES[0] };

static struct {
    bool json, quick;
    int cpus; /* 0: both */
    const char *only;
    const char *peer;
    bool first_result;
    const char *chosen[CASES_MAX];
    int chosen_count;
} arguments;

enum { KEY_ONLY = 256, KEY_PEER, KEY_FIRST_RESULT };

static const struct argp_option OPTIONS[] = {
    {"json", 'j', NULL, 0, "one JSON object a line on stdout", 0},
    {"list", 'l', NULL, 0, "the names of the cases, and nothing else", 0},
    {"quick", 'q', NULL, 0, "a tenth of the rounds, smaller matrices", 0},
    {"cpus", 'c', "N", 0, "only on one CPU (1), or only over two (2)", 0},
    {"only", KEY_ONLY, "CASE", OPTION_HIDDEN, NULL, 0},
    {"peer", KEY_PEER, "DIR", OPTION_HIDDEN, NULL, 0},
    {"first-result", KEY_FIRST_RESULT, NULL, OPTION_HIDDEN, NULL, 0},
    {0}};

static const struct bench_case *
find_case(const char *name)
{
    for (int i = 0; i < CASE_COUNT; i++) {
        if (strcmp(CASES[i].name, name) == 0) {
            return &CASES[i];
        }
    }
    return NULL;
}

static void
choose(struct argp_state *state, char *name)
{
    if (arguments.peer == NULL && find_case(name) == NULL) {
        fprintf(stderr, "%s: unknown case \"%s\"; there are:", program_invocation_name, name);
        for (int i = 0; i < CASE_COUNT; i++) {
            fprintf(stderr, " %s", CASES[i].name);
        }
        fprintf(stderr, "\n");
        exit(EXIT_USAGE);
    }
    if (arguments.chosen_count == CASES_MAX) {
        argp_error(state, "more than %d cases", CASES_MAX);
    }
    arguments.chosen[arguments.chosen_count++] = name;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'j':
        arguments.json = true;
        return 0;
    case 'l':
        for (int i = 0; i < CASE_COUNT; i++) {
            puts(CASES[i].name);
        }
        exit(0);
    case 'q':
        arguments.quick = true;
        return 0;
    case 'c':
        arguments.cpus = atoi(arg);
        if (arguments.cpus != 1 && arguments.cpus != 2) {
            argp_error(state, "--cpus is 1 or 2, not \"%s\"", arg);
        }
        return 0;
    case KEY_ONLY:
        arguments.only = arg;
        return 0;
    case KEY_PEER:
        arguments.peer = arg;
        return 0;
    case KEY_FIRST_RESULT:
        arguments.first_result = true;
        return 0;
    case ARGP_KEY_ARG:
        choose(state, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- one case, in this process -------------------------------------------------------------- */

static int
run_only(const char *self)
{
    struct bench bench = {.cpus = arguments.cpus, .quick = arguments.quick, .self = self};
    const struct bench_case *chosen = find_case(arguments.only);
    if (chosen == NULL) {
        return EXIT_USAGE;
    }
    floor_pin(bench.cpus);
    alarm(CASE_SECONDS); /* a case that hangs has failed */
    chosen->run(&bench);
    return 0;
}

/* The other process of a case: which one, its kind says. */
static int
run_peer(void)
{
    int number = arguments.chosen_count > 0 ? atoi(arguments.chosen[0]) : 0;
    const char *kind = arguments.chosen_count > 1 ? arguments.chosen[1] : "";
    if (strcmp(kind, "putter") == 0) {
        return starve_putter(arguments.peer, number);
    }
    if (strcmp(kind, "follower") == 0) {
        return names_follower(arguments.peer, number);
    }
    if (strcmp(kind, "crowd") == 0) {
        return crowd_peer(arguments.peer, number);
    }
    if (strcmp(kind, "putter of large") == 0) {
        return tricks_putter(arguments.peer, number != 0);
    }
    if (strncmp(kind, "program that ", 13) == 0) {
        return programs_peer(arguments.peer, number, strcmp(kind, "program that calls") == 0);
    }
    if (strncmp(kind, "putter of ", 10) == 0) {
        return put_small_putter(arguments.peer, number, strcmp(kind, "putter of many") == 0);
    }
    return handoff_peer(arguments.peer, number, strcmp(kind, "chosen") == 0);
}

/* ---- all cases, each in a process of its own ------------------------------------------------ */

static double
get(const json_t *line, const char *key)
{
    const json_t *value = json_object_get(line, key);
    return value != NULL ? json_number_value(value) : -1;
}

static void
cell(FILE *out, double value, int width)
{
    if (value < 0) {
        fprintf(out, " %*s", width, "-");
    } else {
        fprintf(out, " %*.4g", width, value);
    }
}

static void
print_row(FILE *out, const char *text)
{
    json_t *line = json_loads(text, 0, NULL);
    if (line == NULL) {
        return;
    }
    const char *variant = json_string_value(json_object_get(line, "variant"));
    char name[80];
    snprintf(name, sizeof name, "%s%s%s", json_string_value(json_object_get(line, "case")),
             variant ? " " : "", variant ? variant : "");
    fprintf(out, "%-26s %4d %8s", name, (int)get(line, "cpus"),
            json_string_value(json_object_get(line, "unit")));
    cell(out, get(line, "value"), 10);
    cell(out, get(line, "p99"), 10);
    cell(out, get(line, "first"), 8);
    cell(out, get(line, "floor"), 10);
    cell(out, get(line, "ratio"), 7);
    cell(out, get(line, "switches"), 8);
    cell(out, get(line, "cpu_us"), 7);
    cell(out, get(line, "memory_mb"), 8);
    const char *floor = json_string_value(json_object_get(line, "floor_is"));
    const char *absent = json_string_value(json_object_get(line, "absent"));
    fprintf(out, "  %s\n", absent ? absent : floor ? floor : "");
    fflush(out);
    json_decref(line);
}

static void
print_head(FILE *out)
{
    fprintf(out, "%-26s %4s %8s %10s %10s %8s %10s %7s %8s %7s %8s  %s\n", "case", "cpus", "unit",
            "value", "p99", "first", "floor", "ratio", "switches", "CPU us", "MB", "floor is");
}

/*
 * Each process that is linked with OpenBLAS starts its threads as it is loaded, and they spin for
 * some 80 ms: on one CPU that is most of a short case.
 */
static void
set_blas_threads(const struct bench_case *which)
{
    if (which->multiplies) {
        unsetenv("OPENBLAS_NUM_THREADS");
    } else {
        setenv("OPENBLAS_NUM_THREADS", "1", 1);
    }
}

static FILE *
start_case(const char *self, const char *name, int cpus, pid_t *pid_out)
{
    int pipe_fds[2];
    char count[8];
    snprintf(count, sizeof count, "%d", cpus);
    char *argv[] = {(char *)(uintptr_t) "lode-bench",
                    (char *)(uintptr_t) "--only",
                    (char *)(uintptr_t)name,
                    (char *)(uintptr_t) "--cpus",
                    count,
                    (char *)(uintptr_t)(arguments.quick ? "--quick" : NULL),
                    NULL};
    posix_spawn_file_actions_t actions;
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        return NULL;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
    int failed = posix_spawn(pid_out, self, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_fds[1]);
    if (failed != 0) {
        close(pipe_fds[0]);
        errno = failed;
        return NULL;
    }
    return fdopen(pipe_fds[0], "re");
}

static bool
run_apart(const char *self, const char *name, int cpus)
{
    char line[4096];
    pid_t pid;
    int status;
    FILE *out = start_case(self, name, cpus, &pid);
    if (out == NULL) {
        fprintf(stderr, "%s: cannot run %s: %s\n", program_invocation_name, self, strerror(errno));
        return false;
    }
    while (fgets(line, sizeof line, out) != NULL) {
        if (arguments.json) {
            fputs(line, stdout);
            fflush(stdout);
        }
        print_row(arguments.json ? stderr : stdout, line);
    }
    fclose(out);
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "%s: %s on %d CPU%s failed\n", program_invocation_name, name, cpus,
                cpus > 1 ? "s" : "");
        return false;
    }
    return true;
}

static bool
run_case(const char *self, const char *name)
{
    const struct bench_case *chosen = find_case(name);
    int most = machine_cpus() < 2 ? 1 : 2;
    bool good = true;
    set_blas_threads(chosen);
    if (arguments.cpus != 0) {
        return run_apart(self, name, arguments.cpus);
    }
    if (chosen->twice && most > 1) {
        good = run_apart(self, name, 1);
    }
    return run_apart(self, name, most) && good;
}

int
main(int argc, char **argv)
{
    static const struct argp ARGP = {
        OPTIONS, parse, "[CASE...]", "What lode costs, beside what the machine cannot do without.",
        NULL,    NULL,  NULL};
    static char self[PATH_MAX];
    lode_descriptor_fill_stdio();
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&ARGP, argc, argv, 0, NULL, NULL);
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size <= 0) {
        fprintf(stderr, "%s: /proc/self/exe: %s\n", program_invocation_name, strerror(errno));
        return 1;
    }
    if (arguments.peer != NULL) {
        return run_peer();
    }
    if (arguments.first_result) {
        return startup_child();
    }
    if (arguments.only != NULL) {
        return run_only(self);
    }
    bool good = true;
    print_head(arguments.json ? stderr : stdout);
    for (int i = 0; i < CASE_COUNT && arguments.chosen_count == 0; i++) {
        good = run_case(self, CASES[i].name) && good;
    }
    for (int i = 0; i < arguments.chosen_count; i++) {
        good = run_case(self, arguments.chosen[i]) && good;
    }
    return good ? 0 : 1;
}
