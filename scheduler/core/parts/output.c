#include "scheduler/core/parts/output.h"

#include <stdlib.h>
#include <string.h>

/* Keeps the beginning of a line; without memory for it, it becomes a line of its own. */
static void
keep_part(struct output *output, const char *bytes, size_t size, output_line_fn each, void *arg)
{
    if (output->line == NULL) {
        output->line = malloc(LODE_OUTPUT_LINE_MAX);
    }
    if (output->line == NULL) {
        each(arg, bytes, (uint32_t)size);
        return;
    }
    memcpy(output->line + output->size, bytes, size);
    output->size += size;
}

static void
give_line(struct output *output, const char *bytes, size_t size, output_line_fn each, void *arg)
{
    if (output->size == 0) {
        each(arg, bytes, (uint32_t)size);
        return;
    }
    memcpy(output->line + output->size, bytes, size);
    each(arg, output->line, (uint32_t)(output->size + size));
    output->size = 0;
}

void
output_take(struct output *output, const char *bytes, size_t size, output_line_fn each, void *arg)
{
    while (size > 0) {
        size_t room = LODE_OUTPUT_LINE_MAX - output->size;
        size_t span = size < room ? size : room;
        const char *end = memchr(bytes, '\n', span);
        size_t part = end != NULL ? (size_t)(end - bytes) : span;
        if (end != NULL || part == room) {
            give_line(output, bytes, part, each, arg);
        } else {
            keep_part(output, bytes, part, each, arg);
        }
        part += end != NULL;
        bytes += part;
        size -= part;
    }
}

void
output_end(struct output *output, output_line_fn each, void *arg)
{
    if (output->size > 0) {
        each(arg, output->line, (uint32_t)output->size);
    }
    free(output->line);
    output->line = NULL;
    output->size = 0;
}
