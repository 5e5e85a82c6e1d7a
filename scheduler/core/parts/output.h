/*
 * output.h: what a task writes, cut into lines. A line ends with a line feed, or where it becomes
 * longer than LODE_OUTPUT_LINE_MAX, or where the task ends. Part of state/state.h.
 */
#ifndef LODE_SCHEDULER_OUTPUT_H
#define LODE_SCHEDULER_OUTPUT_H

#include "scheduler/core/core.h"

struct output {
    char *line; /* what has no end yet; allocated when first needed */
    size_t size;
};

/* A line of a task of a worker that has no end yet; see workers/printed.h. */
struct core_part {
    struct core_part *next;
    struct core_author {
        uint64_t task;    /* 0: none was named */
        uint64_t program; /* then the program; 0: none */
    } author;
    struct output output;
};

typedef void (*output_line_fn)(void *arg, const char *line, uint32_t size);

/* Takes what was read, and gives each line that it ends, without its line feed. */
void output_take(struct output *output, const char *bytes, size_t size, output_line_fn each,
                 void *arg);

/* Gives what is left as a line, if there is any, and frees. */
void output_end(struct output *output, output_line_fn each, void *arg);

#endif
