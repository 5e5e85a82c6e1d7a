/* speed.h: how many tasks a second the core takes on one CPU: submitted, placed, done, ended. */
#ifndef LODE_TESTS_SIM_SPEED_H
#define LODE_TESTS_SIM_SPEED_H

#include <stdint.h>

/* Runs `tasks` empty tasks with `outstanding` at a time; tasks a second of CPU time. */
double sim_speed(uint64_t tasks, uint64_t outstanding);

#endif
