/* tasks.c: `lode tasks`: what waits, what runs, for whom and how long. */
#include "tools/cli/describe.h"
#include "tools/cli/document.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/lode/live/commands.h"
#include "tools/lode/live/live.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_DEFAULT = 1000 };

struct tasks_options {
    struct options_common common; /* the first: options_without_words() */
    const char *state, *function;
    int64_t program, worker, limit;
};

static const struct argp_option options[] = {
    {"state", 's', "STATE", 0,
     "those that are waiting, ready, queued, running, blocked, settling or ending", 0},
    {"function", 'f', "PATTERN", 0, "those whose function or name matches, as 'blas.*'", 0},
    {"program", 'p', "PID", 0, "those of this program, nested ones included", 0},
    {"worker", 'w', "PID", 0, "those that this worker has", 0},
    {"limit", 'l', "N", 0,
     "show as many of those that do not run (default 1000); the others are counted", 0},
    {0},
};

static const char *const states[] = {"waiting", "ready",    "queued", "running",
                                     "blocked", "settling", "ending"};

static void
parse_state(struct argp_state *state, const char *text, const char **state_out)
{
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(text, states[i]) == 0) {
            *state_out = states[i];
            return;
        }
    }
    char list[160];
    size_t used = 0, count = sizeof states / sizeof states[0];
    for (size_t i = 0; i < count; i++) {
        const char *between = i == 0 ? "" : i + 1 < count ? ", " : " or ";
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", between, states[i]);
    }
    options_error(state, "--state: no task is '%s': they are %s", text, list);
}

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct tasks_options *wanted = state->input;
    switch (key) {
    case 's':
        parse_state(state, arg, &wanted->state);
        return 0;
    case 'f':
        wanted->function = arg;
        return 0;
    case 'p':
        options_integer(state, "program", arg, 1, INT32_MAX, &wanted->program);
        return 0;
    case 'w':
        options_integer(state, "worker", arg, 1, INT32_MAX, &wanted->worker);
        return 0;
    case 'l':
        options_integer(state, "limit", arg, 0, 1 << 24, &wanted->limit);
        return 0;
    default:
        return options_without_words(key, arg, state);
    }
}

static const struct argp argp = {
    options,
    parse_option,
    0,
    "Show the tasks that have not ended: those that run first, then the oldest. The id is that of "
    "the task's first result: `lode cancel` takes it."
    "\vExit status: 0, also if there is none; 5 no cluster runs.",
    options_dir_json,
    0,
    0};

/* ---- which --------------------------------------------------------------------------------- */

struct found {
    const struct tasks_options *wanted;
    json_t *running, *others; /* lists */
    int64_t count;
};

static bool
is_wanted(json_t *task, const struct tasks_options *wanted)
{
    const char *function = live_text(task, "function"), *name = live_text(task, "name");
    return (wanted->state == NULL || strcmp(wanted->state, live_text(task, "state")) == 0) &&
           (wanted->function == NULL || fnmatch(wanted->function, function, 0) == 0 ||
            fnmatch(wanted->function, name, 0) == 0) &&
           (wanted->program == 0 || wanted->program == live_number(task, "program")) &&
           (wanted->worker == 0 || wanted->worker == live_number(task, "pid"));
}

static void
note_task(json_t *task, void *arg)
{
    struct found *found = arg;
    if (!is_wanted(task, found->wanted)) {
        return;
    }
    found->count++;
    if (json_object_get(task, "busy_ns") != NULL) {
        json_array_append(found->running, task);
    } else if ((int64_t)json_array_size(found->others) < found->wanted->limit) {
        json_array_append(found->others, task);
    }
}

static int
by_age(const void *a, const void *b)
{
    int64_t x = live_number(*(json_t *const *)a, "age_ns");
    int64_t y = live_number(*(json_t *const *)b, "age_ns");
    return (x < y) - (x > y);
}

/* Both lists, the oldest first in each; NULL: no memory. */
static json_t **
sorted(const struct found *found, size_t *count_out)
{
    size_t running = json_array_size(found->running), others = json_array_size(found->others);
    json_t **list = calloc(running + others + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < running + others; i++) {
        list[i] = i < running ? json_array_get(found->running, i)
                              : json_array_get(found->others, i - running);
    }
    if (list != NULL) {
        qsort(list, running, sizeof *list, by_age);
        qsort(list + running, others, sizeof *list, by_age);
    }
    *count_out = running + others;
    return list;
}

/* ---- shown --------------------------------------------------------------------------------- */

static void
print_task(json_t *task)
{
    char age[DESCRIBE_MAX], busy[DESCRIBE_MAX] = "-", pid[24] = "-";
    const char *name = live_text(task, "name");
    if (json_object_get(task, "busy_ns") != NULL) {
        describe_age((uint64_t)live_number(task, "busy_ns"), busy);
    }
    if (json_object_get(task, "pid") != NULL) {
        snprintf(pid, sizeof pid, "%lld", (long long)live_number(task, "pid"));
    }
    printf("%-32s  %-8s %8s %8s %8s %8lld %5lld  ", live_text(task, "id"), live_text(task, "state"),
           describe_age((uint64_t)live_number(task, "age_ns"), age), busy, pid,
           (long long)live_number(task, "program"), (long long)live_number(task, "depth"));
    describe_text(live_text(task, "function"), stdout);
    if (name[0] != '\0') {
        fputs("  ", stdout);
        describe_text(name, stdout);
    }
    putchar('\n');
}

static void
print_table(json_t **list, size_t count, int64_t matching)
{
    printf("%-32s  %-8s %8s %8s %8s %8s %5s  %s\n", "id", "state", "age", "runs", "worker",
           "program", "depth", "function");
    for (size_t i = 0; i < count; i++) {
        print_task(list[i]);
    }
    if (matching > (int64_t)count) {
        printf("… and %lld more\n", (long long)(matching - (int64_t)count));
    }
}

static void
print_document(json_t **list, size_t count, int64_t matching)
{
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append(all, list[i]);
    }
    document_print(json_pack("{s:s, s:I, s:o}", "schema", "lode.tasks/1", "count",
                             (json_int_t)matching, "tasks", all));
}

static int
show(lode *db, void *arguments)
{
    const struct tasks_options *wanted = arguments;
    struct found found = {wanted, json_array(), json_array(), 0};
    size_t count = 0;
    json_t **list = NULL;
    lode_err err = live_each_task(db, note_task, &found);
    int exit_code = err == LODE_OK ? EXIT_OK : program_failed(err);
    if (err == LODE_OK && (list = sorted(&found, &count)) == NULL) {
        exit_code = program_error(EXIT_FAILED, "no memory for a list of %zu tasks", count);
    } else if (err == LODE_OK && wanted->common.json) {
        print_document(list, count, found.count);
    } else if (err == LODE_OK) {
        print_table(list, count, found.count);
    }
    free(list);
    json_decref(found.running);
    json_decref(found.others);
    return exit_code;
}

int
command_tasks(int argc, char **argv)
{
    struct tasks_options wanted = {.limit = LIMIT_DEFAULT};
    options_parse(&argp, argc, argv, &wanted);
    return live_run(wanted.common.dir, show, &wanted);
}
