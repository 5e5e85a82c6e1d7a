/* What `lode status` prints of a cluster. */
#include "tools/clusters/report_print.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *
printed(size_t processes, const char *details)
{
    struct report report = {.cluster = {.supervisor = 1},
                            .store.up = true,
                            .scheduler.up = true,
                            .workers = processes,
                            .details = json_loads(details, 0, NULL)};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cr_assert_not_null(report.details);
    report_print(&report, out);
    fclose(out);
    report_fini(&report);
    return text;
}

/* The processes are looked for before the scheduler is asked. */
Test(report_print, tells_of_workers_whose_processes_were_not_there_yet)
{
    char *text = printed(1, "{\"workers\": [{\"pid\": 7, \"state\": \"idle\"}, "
                            "{\"pid\": 0, \"state\": \"starting\"}]}");
    cr_assert_not_null(strstr(text, "1 worker, 0 B together; 1 more on the way up or down"));
    free(text);
}

Test(report_print, adds_nothing_where_processes_and_workers_are_as_many)
{
    char *text = printed(1, "{\"workers\": [{\"pid\": 7, \"state\": \"idle\"}]}");
    cr_assert_not_null(strstr(text, " 1 worker, 0 B together\n"));
    free(text);
    text = printed(3, "{\"workers\": []}"); /* those that the scheduler has ended */
    cr_assert_not_null(strstr(text, " 3 workers, 0 B together\n"));
    free(text);
}
