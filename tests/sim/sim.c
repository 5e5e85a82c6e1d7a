/*
 * sim: runs the scheduler's core in worlds made from seeds.
 *
 *   sim [--seeds N] [--first SEED] [--steps M] [--verbose]
 *   sim --speed TASKS
 *
 * Prints the seed of a world that broke a rule: `sim --first SEED --seeds 1` shows it again.
 */
#include "tests/sim/speed.h"
#include "tests/sim/world.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct sim_options options = {.seed = 1, .steps = 20000};
static uint64_t seeds = 20, speed_tasks;

static const struct argp_option OPTIONS[] = {
    {"seeds", 'n', "N", 0, "how many worlds (20)", 0},
    {"first", 'f', "SEED", 0, "the first seed (1)", 0},
    {"steps", 's', "M", 0, "events until the programs stop submitting (20,000)", 0},
    {"verbose", 'v', NULL, 0, "what the core logs", 0},
    {"speed", 'S', "TASKS", 0, "no worlds: how fast the core is", 0},
    {0}};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    char *end = NULL;
    uint64_t value = arg != NULL ? strtoull(arg, &end, 10) : 0;
    if (arg != NULL && (*arg == '\0' || *end != '\0')) {
        argp_error(state, "\"%s\" is not a number", arg);
    }
    switch (key) {
    case 'n':
        seeds = value;
        return 0;
    case 'f':
        options.seed = value;
        return 0;
    case 's':
        options.steps = value;
        return 0;
    case 'S':
        speed_tasks = value;
        return 0;
    case 'v':
        options.verbose = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void
say_seed(int number)
{
    char text[160];
    int size =
        snprintf(text, sizeof text,
                 "sim: BROKEN by seed %llu; again: sim --first %llu --seeds 1 --steps %llu\n",
                 (unsigned long long)options.seed, (unsigned long long)options.seed,
                 (unsigned long long)options.steps);
    if (write(STDERR_FILENO, text, (size_t)size) < 0) {
        _exit(1);
    }
    signal(number, SIG_DFL);
    raise(number);
}

/* A count of nothing means that a whole kind of fault was not tried. */
static bool
saw_everything(const struct sim_counts *counts)
{
    bool all = true;
#define SIM_COUNT_SHOW(name)                                                                       \
    printf(" %s=%llu", #name, (unsigned long long)counts->name);                                   \
    all = all && counts->name > 0;
    SIM_COUNT_MAP(SIM_COUNT_SHOW)
#undef SIM_COUNT_SHOW
    printf("\n");
    return all;
}

int
main(int argc, char **argv)
{
    static const struct argp ARGP = {OPTIONS, parse, NULL, "Runs the scheduler's core by seed.",
                                     NULL,    NULL,  NULL};
    argp_err_exit_status = 2;
    argp_parse(&ARGP, argc, argv, 0, NULL, NULL);
    if (speed_tasks > 0) {
        printf("core: %.0f tasks/s with 1,000 outstanding, %.0f with 100,000\n",
               sim_speed(speed_tasks, 1000), sim_speed(speed_tasks, 100000));
        return 0;
    }
    signal(SIGABRT, say_seed);
    signal(SIGSEGV, say_seed);
    struct sim_counts counts = {0};
    uint64_t last = options.seed + seeds;
    for (; options.seed < last; options.seed++) {
        options.trees = false;
        sim_run(&options, &counts);
        options.trees = true;
        sim_run(&options, &counts);
        options.trees = false;
        options.ladders = true;
        sim_run(&options, &counts);
        options.ladders = false;
    }
    printf("sim: %llu worlds of %llu steps:", (unsigned long long)seeds,
           (unsigned long long)options.steps);
    if (!saw_everything(&counts) && seeds >= 10) {
        fprintf(stderr, "sim: something was never tried\n");
        return 1;
    }
    return 0;
}
