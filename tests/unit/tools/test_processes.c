/* What the tools say of a process's memory. */
#include "tools/clusters/processes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t
of_this_process(const char *key)
{
    char line[128];
    uint64_t kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            kib = strtoull(line + strlen(key), NULL, 10);
        }
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
    cr_assert_gt(of_this_process("RssFile:"), (uint64_t)2 * SLACK);
    cr_assert_gt(self.private_bytes, 0);
    cr_assert_lt(self.private_bytes, of_this_process("RssAnon:") + SLACK);
}
