/*
 * task_output.h: a line that a task has printed comes out on the stderr of the program that called
 * the task.
 *
 * A line goes to stderr in one piece. C does not buffer stderr: if the line were written byte by
 * byte, each byte would cost a system call, and other writers of the same file would come in
 * between. lode_close() waits for the lines of the program's tasks, and would give up before all
 * are printed. Lines that come together go to a pipe or a file by as many as fit into PIPE_BUF: a
 * write for each line would cost more than all else that is done for it.
 *
 * A stderr that is slow, or that nobody reads (a full pipe), must not stop the thread that takes
 * all that the scheduler says: calls and closes of the program would wait for the display. So a
 * line that stderr does not take at once is kept, up to LODE_OUTPUT_KEPT_MAX bytes of them. A
 * thread writes what is kept, and ends when nothing is left. What finds no room goes to the log
 * (api/cluster/log_file.h). The next line that does is preceded by how many are missing, and where
 * they are.
 */
#ifndef LODE_CLIENT_OUTPUT_TASK_OUTPUT_H
#define LODE_CLIENT_OUTPUT_TASK_OUTPUT_H

#include "api/wire/task_msg.h"

enum { LODE_OUTPUT_KEPT_MAX = 32 << 20 };

/*
 * Prints each line of the text as "(name pid=N) line", with the next lode_task_output_write() at
 * the latest. If lines are missing before them, a line of its own says how many. The sizes of
 * `name` and `text` stand in `head`. The text of a head with LODE_OUTPUT_DROPPED is the path of the
 * log that has the missing lines. On a terminal a line is shown as api/base/printable.h says; a
 * file or a pipe gets its bytes. Any thread.
 *
 *   logs  the directory of log files
 */
void lode_task_output_print(const struct lode_task_output *head, const char *name, const char *text,
                            const char *logs);

/* Writes what was printed. To be called after the last of the records that came together. */
void lode_task_output_write(const char *logs);

/*
 * Waits so long at most until stderr has taken what is kept. What is left then goes to the log. No
 * SIGPIPE and no SIGXFSZ come from it. Any thread.
 */
void lode_task_output_flush(int64_t timeout_ms, const char *logs);

#endif
