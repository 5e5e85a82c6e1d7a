/* What a worker writes becomes lines, whatever pieces it comes in. */
#include "scheduler/core/parts/output.h"
#include "tests/support/check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char seen[1 << 20]; /* each line, then '|' */
static size_t seen_size, line_count, longest;

static void
see(void *arg, const char *line, uint32_t size)
{
    (void)arg;
    memcpy(seen + seen_size, line, size);
    seen_size += size;
    seen[seen_size++] = '|';
    seen[seen_size] = '\0';
    longest = size > longest ? size : longest;
    line_count++;
}

static void
expect_seen(const char *want)
{
    expect_eq(strcmp(seen, want), 0);
}

Test(output, whole_lines_are_given_at_once_and_a_part_waits_for_its_end)
{
    struct output output = {0};
    output_take(&output, "one\ntwo\nthr", 11, see, NULL);
    expect_seen("one|two|");
    output_take(&output, "ee\n", 3, see, NULL);
    expect_seen("one|two|three|");
    output_end(&output, see, NULL);
    expect_seen("one|two|three|");
}

Test(output, empty_lines_are_lines_and_no_output_is_none)
{
    struct output output = {0};
    output_take(&output, "", 0, see, NULL);
    output_take(&output, "\n\n", 2, see, NULL);
    output_end(&output, see, NULL);
    expect_seen("||");
}

Test(output, the_end_gives_what_has_no_line_feed)
{
    struct output output = {0};
    output_take(&output, "last words", 10, see, NULL);
    expect_seen("");
    output_end(&output, see, NULL);
    expect_seen("last words|");
}

Test(output, a_line_without_end_is_cut_at_the_limit)
{
    static char much[3 * LODE_OUTPUT_LINE_MAX + 5];
    struct output output = {0};
    memset(much, 'x', sizeof much);
    output_take(&output, much, sizeof much, see, NULL);
    expect_eq(line_count, 3);
    output_end(&output, see, NULL);
    expect_eq(line_count, 4);
    expect_eq(longest, LODE_OUTPUT_LINE_MAX);
    expect_eq(seen_size, sizeof much + 4);
}

Test(output, any_pieces_give_the_same_lines)
{
    char text[4096], want[sizeof seen];
    unsigned seed = 7;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = rand_r(&seed) % 20 == 0 ? '\n' : (char)('a' + rand_r(&seed) % 26);
    }
    struct output whole = {0};
    output_take(&whole, text, sizeof text, see, NULL);
    output_end(&whole, see, NULL);
    memcpy(want, seen, seen_size + 1);
    for (int round = 0; round < 200; round++) {
        struct output pieces = {0};
        seen_size = 0;
        for (size_t at = 0; at < sizeof text;) {
            size_t size = (size_t)rand_r(&seed) % 100;
            size = size < sizeof text - at ? size : sizeof text - at;
            output_take(&pieces, text + at, size, see, NULL);
            at += size;
        }
        output_end(&pieces, see, NULL);
        expect_seen(want);
    }
}
