/* What the tools say of a process's memory. */
#include "tools/clusters/processes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

static uint64_t
of_this_process(const char *format)
{
    char line[128];
    unsigned long long kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file) != NULL && sscanf(line, format, &kib) != 1) {
    }
    fclose(file);
    return kib << 10;
}

/* Else a thousand workers seemed to have a thousand times the C library. */
Test(processes, what_all_share_of_a_file_is_not_private)
{
    enum { SLACK = 512 << 10 }; /* what this test needs itself meanwhile */
    struct process self;
    cr_assert(process_read(getpid(), &self));
    process_read_memory(&self);
    cr_assert_gt(of_this_process("RssFile: %llu"), (uint64_t)2 * SLACK);
    cr_assert_gt(self.private_bytes, 0);
    cr_assert_lt(self.private_bytes, of_this_process("RssAnon: %llu") + SLACK);
}
