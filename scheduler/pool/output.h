/*
 * output.h: what a worker writes, cut into lines. A line ends with a line feed, or where it becomes
 * longer than CORE_OUTPUT_LINE_MAX, or where the worker ends. Pure: no descriptor, no lock.
 */
#ifndef LODE_SCHEDULER_OUTPUT_H
#define LODE_SCHEDULER_OUTPUT_H

#include "scheduler/core/core.h"

struct output {
    char *line; /* what has no end yet; allocated when first needed */
    size_t size;
};

typedef void (*output_line_fn)(void *arg, const char *line, uint32_t size);

/* Takes what was read, and gives each line that it ends, without its line feed. */
void output_take(struct output *output, const char *bytes, size_t size, output_line_fn each,
                 void *arg);

/* Gives what is left as a line, if there is any, and frees. */
void output_end(struct output *output, output_line_fn each, void *arg);

#endif
