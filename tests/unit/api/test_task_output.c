/* What tasks print, on the stderr of a program. */
#include "api/client/tasks/task_output.h"

#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
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
