/* workers.c: `lode workers`: every worker of the cluster, and what it runs. */
#include "tools/cli/describe.h"
#include "tools/cli/document.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/cli/size.h"
#include "tools/clusters/processes.h"
#include "tools/lode/live/commands.h"
#include "tools/lode/live/live.h"

#include <stdio.h>

static const struct argp argp = {
    0,
    options_without_words,
    0,
    "Show the workers: what state each is in, how many tasks it has done, and what it runs, for "
    "whom, and for how long. `lode kill-worker` ends one that is stuck."
    "\vExit status: 0; 5 no cluster runs.",
    options_dir_json,
    0,
    0};

static void
note_worker(json_t *worker, void *arg)
{
    struct process process;
    if (process_read((pid_t)live_number(worker, "pid"), &process)) {
        process_read_memory(&process);
        json_object_set_new(worker, "private_bytes",
                            json_integer((json_int_t)process.private_bytes));
    }
    json_array_append(arg, worker);
}

static void
print_worker(json_t *worker)
{
    char size[SIZE_TEXT_MAX], busy[DESCRIBE_MAX];
    const char *function = live_text(worker, "function");
    printf("%8lld  %-8s %10s %9lld  ", (long long)live_number(worker, "pid"),
           live_text(worker, "state"),
           size_format((uint64_t)live_number(worker, "private_bytes"), size),
           (long long)live_number(worker, "finished"));
    if (function[0] == '\0') {
        printf("%8s %8s  -\n", "-", "-");
        return;
    }
    printf("%8s %8lld  %s  ", describe_age((uint64_t)live_number(worker, "busy_ns"), busy),
           (long long)live_number(worker, "program"), live_text(worker, "id"));
    describe_text(function, stdout);
    putchar('\n');
}

static int
show(lode *db, void *arguments)
{
    const struct options_common *wanted = arguments;
    json_t *worker, *list = json_array();
    size_t i;
    lode_err err = live_each_worker(db, note_worker, list);
    if (err != LODE_OK) {
        json_decref(list);
        return program_failed(err);
    }
    if (wanted->json) {
        document_print(json_pack("{s:s, s:o}", "schema", "lode.workers/1", "workers", list));
        return EXIT_OK;
    }
    printf("%8s  %-8s %10s %9s  %8s %8s  %-32s  %s\n", "pid", "state", "memory", "done", "runs",
           "program", "task", "function");
    json_array_foreach(list, i, worker)
    {
        print_worker(worker);
    }
    json_decref(list);
    return EXIT_OK;
}

int
command_workers(int argc, char **argv)
{
    struct options_common wanted = {0};
    options_parse(&argp, argc, argv, &wanted);
    return live_run(wanted.dir, show, &wanted);
}
