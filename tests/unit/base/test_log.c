/* Lines of the log: whole, and not more than a disk can take. */
#include "api/base/log.h"
#include "api/base/log_budget.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int64_t
allowed_of(struct lode_log_budget *budget, const char *id, int64_t second, int tries)
{
    int64_t count = 0;
    uint32_t skipped;
    for (int i = 0; i < tries; i++) {
        count += lode_log_budget_allows(budget, id, second, &skipped);
    }
    return count;
}

Test(log, a_kind_is_cut_at_its_burst_and_goes_on_in_the_next_second)
{
    static struct lode_log_budget budget;
    uint32_t skipped = 99;
    cr_assert(allowed_of(&budget, "A-KIND", 7, 1000) == LODE_LOG_BURST);
    cr_assert(lode_log_budget_allows(&budget, "A-KIND", 8, &skipped));
    cr_assert(skipped == 1000 - LODE_LOG_BURST);
    cr_assert(lode_log_budget_allows(&budget, "A-KIND", 8, &skipped));
    cr_assert(skipped == 0);
}

Test(log, a_loud_kind_does_not_silence_another)
{
    static struct lode_log_budget budget;
    cr_assert(allowed_of(&budget, "LOUD", 7, 1000) == LODE_LOG_BURST);
    cr_assert(allowed_of(&budget, "QUIET", 7, 1) == 1);
}

Test(log, kinds_beyond_the_table_are_written)
{
    static struct lode_log_budget budget;
    static char names[LODE_LOG_IDS + 1][8];
    for (int i = 0; i <= LODE_LOG_IDS; i++) {
        snprintf(names[i], sizeof names[i], "K-%d", i);
        cr_assert(allowed_of(&budget, names[i], 7, 1) == 1);
    }
    cr_assert(allowed_of(&budget, names[LODE_LOG_IDS], 7, 100) == 100);
    cr_assert(allowed_of(&budget, names[0], 7, 100) == LODE_LOG_BURST - 1);
}

/* What is said, between these two, to stderr. */
static int saved;
static int ends[2];

static void
listen_to_stderr(void)
{
    cr_assert(pipe(ends) == 0);
    saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
}

static size_t
what_was_said(char *text, size_t room)
{
    size_t used = 0;
    ssize_t n;
    dup2(saved, STDERR_FILENO);
    close(saved);
    while (used < room - 1 && (n = read(ends[0], text + used, room - 1 - used)) > 0) {
        used += (size_t)n;
    }
    text[used] = '\0';
    close(ends[0]);
    return used;
}

Test(log, a_line_has_program_id_and_text)
{
    char text[4096];
    lode_log_init("tester");
    listen_to_stderr();
    lode_log("TEST-LINE", "%d of %s", 3, "four");
    what_was_said(text, sizeof text);
    cr_assert_not_null(strstr(text, "tester["));
    cr_assert_not_null(strstr(text, "] TEST-LINE: 3 of four\n"));
}

Test(log, a_long_line_is_cut_and_ended)
{
    char text[8192];
    static char lots[5000];
    memset(lots, 'x', sizeof lots - 1);
    listen_to_stderr();
    lode_log("TEST-LONG", "%s", lots);
    size_t size = what_was_said(text, sizeof text);
    cr_assert(size > 1000 && size < 1300);
    cr_assert(text[size - 1] == '\n' && strchr(text, '\n') == text + size - 1);
}

/* Nobody reads: the pipe takes bytes until it is full. */
static void
fill_stderr(void)
{
    char page[4096] = {0};
    fcntl(STDERR_FILENO, F_SETFL, O_WRONLY | O_NONBLOCK);
    while (write(STDERR_FILENO, page, sizeof page) > 0) {
    }
    fcntl(STDERR_FILENO, F_SETFL, O_WRONLY);
}

Test(log, a_pipe_that_nobody_reads_blocks_nobody, .timeout = 20)
{
    enum { PIPE_BYTES = 65536 };
    static char text[4 * PIPE_BYTES];
    char page[4096];
    listen_to_stderr();
    fill_stderr();
    lode_log("TEST-LOST", "first");
    lode_log_plain("second");
    cr_assert(read(ends[0], page, sizeof page) == sizeof page);
    lode_log("TEST-TAKEN", "third");
    lode_log("TEST-TAKEN", "fourth");
    size_t size = what_was_said(text, sizeof text);
    const char *said = memchr(text, '2', size);
    cr_assert_not_null(said);
    cr_assert_null(strstr(said, "first"));
    cr_assert_null(strstr(said, "second"));
    cr_assert_not_null(
        strstr(said, "TEST-TAKEN: (2 lines before are lost: nobody read stderr) third\n"));
    cr_assert_not_null(strstr(said, "TEST-TAKEN: fourth\n"));
}
