/*
 * A task fails many calls below the program, and each task above it passes the failure on. The
 * program reads the whole reason, the function that failed first, and through how many calls.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <string.h>

enum { DEPTH = 30 };

static void
story(int argc, char **argv)
{
    char why[400];
    lode_id id;
    lode_view view;
    (void)argc, (void)argv;
    memset(why, 'w', sizeof why - 1);
    why[sizeof why - 1] = '\0';
    pid_t supervisor = cluster_start(1, 32 << 20);
    lode *db = cluster_open_with("nest");
    must(lode_call(db, "nest.fall", LODE_ARGS(lode_i64(DEPTH), lode_str(why)), NULL, &id));
    fails(lode_get(db, id, LODE_FOREVER, &view), LODE_ETASK);
    expect_text(lode_last_error(),
                "nest.fall failed through 30 calls, the last of them nest.fall: www");
    expect_text(lode_last_error(), why);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 30, story);
}
