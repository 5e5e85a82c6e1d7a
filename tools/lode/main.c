#include "tools/cli/program.h"
#include "tools/lode/bench.h"
#include "tools/lode/calls/commands.h"
#include "tools/lode/cluster/commands.h"
#include "tools/lode/live/commands.h"

#include <stddef.h>

static const struct command commands[] = {
    {"start", command_start, "start a cluster, in the foreground"},
    {"stop", command_stop, "stop it, in order, and wait until it has ended"},
    {"status", command_status, "what runs: health, resources, store, demands, workers, failures"},
    {"tasks", command_tasks, "the tasks that have not ended"},
    {"workers", command_workers, "the workers, and what each of them runs"},
    {"cancel", command_cancel, "cancel tasks"},
    {"kill-worker", command_kill_worker, "kill a worker that is stuck"},
    {"sweep", command_sweep, "remove what clusters left that were killed, every process at once"},
    {"load", command_load, "offer a task library to all programs"},
    {"run", command_run, "call one function, and print its results"},
    {"matmul", command_matmul, "multiply matrices in .npy files: X @ Y1, X @ Y2, ..."},
    {"bench", command_bench, "measure (runs lode-bench)"},
    {NULL, NULL, NULL},
};

static const struct program lode_program = {
    .name = "lode",
    .about = "Shared memory objects, and tasks that run over them in place.\n",
    .commands = commands,
    .notes = "",
};

int
main(int argc, char **argv)
{
    return program_run(&lode_program, argc, argv);
}
