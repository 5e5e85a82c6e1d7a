/*
 * task_output.h: a line that a task has printed comes out on the stderr of the program that called
 * the task.
 *
 * A line goes to stderr in one piece. C does not buffer stderr: if the line were written byte by
 * byte, each byte would cost a system call, and other writers of the same file would come in
 * between. lode_close() waits for the lines of the program's tasks, and would give up before all
 * are printed.
 *
 * A stderr that nobody reads (a full pipe) must not stop the thread that prints: it is the one that
 * takes all that the scheduler says. So lines wait for a second at most, together. Then they are
 * kept, up to 1 MiB of them, and go out with a later line or when a session closes. What finds no
 * room is counted, and the next line that does is preceded by how many are missing. No thread waits
 * for another that waits for stderr.
 */
#ifndef LODE_CLIENT_TASKS_TASK_OUTPUT_H
#define LODE_CLIENT_TASKS_TASK_OUTPUT_H

#include "api/wire/task_msg.h"

/*
 * Prints `name` and `line`, whose sizes stand in `head`, as "(name pid=N) line". If lines are
 * missing before this one, a line of its own says how many. On a terminal the line is shown as
 * api/base/printable.h says; a file or a pipe gets its bytes. Any thread.
 */
void lode_task_output_print(const struct lode_task_output *head, const char *name,
                            const char *line);

/*
 * Prints what is kept, and waits so long at most for a stderr that takes it. No SIGPIPE and no
 * SIGXFSZ come from it. Any thread.
 */
void lode_task_output_flush(int64_t timeout_ms);

#endif
