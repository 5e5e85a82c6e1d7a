#include "api/client/tasks/task_output.h"

#include <stdio.h>

/* A whole line of a task with its heading, or a part of a longer one. */
enum { PIECE = 20 << 10 };

/* Bytes that are not text must not drive the user's terminal. */
static void
copy_printable(char *out, const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)line[i];
        out[i] = (char)(c >= ' ' || c == '\t' || c == '\033' ? c : '?');
    }
}

static void
print_line(const struct lode_task_output *head, const char *name, const char *line)
{
    char piece[PIECE];
    size_t left = head->line_size;
    int heading = snprintf(piece, sizeof piece, "(%.*s pid=%lld) ", (int)head->name_size, name,
                           (long long)head->pid);
    size_t used = (size_t)heading < sizeof piece - 1 ? (size_t)heading : sizeof piece - 1;
    while (left >= sizeof piece - used) {
        size_t fits = sizeof piece - used;
        copy_printable(piece + used, line, fits);
        (void)fwrite(piece, 1, sizeof piece, stderr);
        line += fits;
        left -= fits;
        used = 0;
    }
    copy_printable(piece + used, line, left);
    piece[used + left] = '\n';
    (void)fwrite(piece, 1, used + left + 1, stderr);
}

void
lode_task_output_print(const struct lode_task_output *head, const char *name, const char *line)
{
    flockfile(stderr);
    if (head->dropped > 0) {
        fprintf(stderr, "(%.*s pid=%lld) … %u lines are left out here\n", (int)head->name_size,
                name, (long long)head->pid, head->dropped);
    }
    if (!(head->flags & LODE_OUTPUT_DROPPED)) {
        print_line(head, name, line);
    }
    fflush(stderr);
    funlockfile(stderr);
}
