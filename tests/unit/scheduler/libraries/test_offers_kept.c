/* What is offered to all, kept for the next scheduler. */
#include "scheduler/libraries/offers_kept.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int fd;
static char seen[256];

static void
open_memory(void)
{
    fd = memfd_create("offers", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
}

static void
close_memory(void)
{
    close(fd);
}

TestSuite(offers_kept, .init = open_memory, .fini = close_memory);

static void
note(const char *name, const char *source, void *arg)
{
    (void)arg;
    snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s=%s ", name, source);
}

/* As the next scheduler reads it. */
static const char *
what_is_kept(void)
{
    struct offers_kept kept = {.fd = fd};
    seen[0] = '\0';
    offers_read(&kept, note, NULL);
    return seen;
}

static const char ONE[] = "a\0/a.so", TWO[] = "b\0/b.so\0c\0/c.so";

Test(offers_kept, nothing_is_kept_at_first)
{
    cr_assert_str_eq(what_is_kept(), "");
}

Test(offers_kept, the_last_list_counts_whichever_scheduler_wrote_it)
{
    struct offers_kept kept = {.fd = fd};
    cr_assert_eq(offers_write(&kept, ONE, sizeof ONE), LODE_OK);
    cr_assert_str_eq(what_is_kept(), "a=/a.so ");
    cr_assert_eq(offers_write(&kept, TWO, sizeof TWO), LODE_OK);
    cr_assert_str_eq(what_is_kept(), "b=/b.so c=/c.so ");
    struct offers_kept next = {.fd = fd};
    offers_read(&next, note, NULL);
    cr_assert_eq(offers_write(&next, ONE, sizeof ONE), LODE_OK);
    cr_assert_str_eq(what_is_kept(), "a=/a.so ");
}

/* As if the scheduler had been killed while it wrote the second list, at each byte of that. */
Test(offers_kept, a_list_that_is_torn_leaves_the_one_before)
{
    struct offers_kept kept = {.fd = fd};
    cr_assert_eq(offers_write(&kept, ONE, sizeof ONE), LODE_OK); /* turn 1, second place */
    cr_assert_eq(offers_write(&kept, TWO, sizeof TWO), LODE_OK); /* turn 2, first place */
    for (off_t at = 0; at < (off_t)(24 + sizeof TWO); at++) {
        char byte, other;
        cr_assert_eq(pread(fd, &byte, 1, at), 1);
        other = (char)(byte ^ 0x55);
        cr_assert_eq(pwrite(fd, &other, 1, at), 1);
        cr_assert_str_eq(what_is_kept(), "a=/a.so ");
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    }
    cr_assert_str_eq(what_is_kept(), "b=/b.so c=/c.so ");
}

Test(offers_kept, a_list_that_is_too_long_is_refused_and_the_one_before_stays)
{
    static char list[OFFERS_BYTES_MAX + 1];
    struct offers_kept kept = {.fd = fd};
    cr_assert_eq(offers_write(&kept, ONE, sizeof ONE), LODE_OK);
    cr_assert_eq(offers_write(&kept, list, sizeof list), LODE_ELIMIT);
    cr_assert_str_eq(what_is_kept(), "a=/a.so ");
}
