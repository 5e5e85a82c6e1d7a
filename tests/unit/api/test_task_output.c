/* What tasks print, on the stderr of a program. */
#include "api/client/output/task_output.h"

#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINES = 3000, TEXT_BYTES = 100 };

/* More than a small stack holds. It is part of each thread's. */
static _Thread_local volatile char large[256 << 10];

/* stderr is a pipe; gives the end to read. */
static int
redirect_stderr(void)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    return ends[0];
}

static void
print(int number, const char *logs)
{
    char text[TEXT_BYTES + 1];
    snprintf(text, sizeof text, "%0*d", TEXT_BYTES, number);
    const struct lode_task_output head = {
        .pid = 7, .name_size = 3, .text_size = (uint32_t)strlen(text)};
    lode_task_output_print(&head, "f.g", text, logs);
}

/*
 * Prints three lines together; stderr is `fd`. Gives how many bytes the reader's first read has.
 * The writer may lose the CPU for longer than a program writes itself: then they are the thread's,
 * which has to be waited for before stderr is another.
 */
static ssize_t
print_three(int fd, int reader, char *bytes, size_t room, const char *logs)
{
    int before = dup(STDERR_FILENO);
    cr_assert_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    for (int i = 0; i < 3; i++) {
        print(i, logs);
    }
    lode_task_output_flush(30000, logs);
    dup2(before, STDERR_FILENO);
    close(before);
    return read(reader, bytes, room);
}

/* Reads slowly: nothing before all lines were printed. */
static void *
count_lines(void *arg)
{
    static char line[4096];
    FILE *file = fdopen(*(const int *)arg, "r");
    for (int i = 0; i < LINES; i++) {
        char want[TEXT_BYTES + 32];
        snprintf(want, sizeof want, "(f.g pid=7) %0*d\n", TEXT_BYTES, i);
        if (fgets(line, sizeof line, file) == NULL || strcmp(line, want) != 0) {
            return line;
        }
    }
    fclose(file);
    return NULL;
}

Test(task_output, is_kept_for_a_slow_reader_however_large_the_programs_thread_local_variables_are,
     .timeout = 60)
{
    char logs[] = "/tmp/lt-XXXXXX";
    pthread_t reader;
    void *wrong;
    scratch_dir(logs);
    large[0] = 1;
    int before = dup(STDERR_FILENO), fd = redirect_stderr();
    for (int i = 0; i < LINES; i++) {
        print(i, logs);
    }
    cr_assert_eq(pthread_create(&reader, NULL, count_lines, &fd), 0);
    lode_task_output_flush(30000, logs);
    dup2(before, STDERR_FILENO); /* the pipe ends */
    pthread_join(reader, &wrong);
    cr_assert_null(wrong, "a line is '%s'", (const char *)wrong);
}

/* A pipe that keeps packets apart shows what one write() brought. */
Test(task_output, lines_that_come_together_go_to_a_pipe_in_one_write, .timeout = 60)
{
    char logs[] = "/tmp/lt-XXXXXX", bytes[4096];
    int ends[2];
    scratch_dir(logs);
    cr_assert_eq(pipe2(ends, O_CLOEXEC | O_DIRECT), 0);
    ssize_t size = print_three(ends[1], ends[0], bytes, sizeof bytes, logs);
    cr_assert_eq(size, 3 * (TEXT_BYTES + (ssize_t)strlen("(f.g pid=7) \n")));
    cr_assert_eq(bytes[size - 1], '\n');
}

Test(task_output, each_line_is_a_message_where_stderr_has_messages, .timeout = 60)
{
    char logs[] = "/tmp/lt-XXXXXX", bytes[4096];
    int ends[2];
    scratch_dir(logs);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    ssize_t size = print_three(ends[1], ends[0], bytes, sizeof bytes, logs);
    cr_assert_eq(size, TEXT_BYTES + (ssize_t)strlen("(f.g pid=7) \n"));
    cr_assert_eq(read(ends[0], bytes, sizeof bytes), size);
    cr_assert_eq(read(ends[0], bytes, sizeof bytes), size);
}
