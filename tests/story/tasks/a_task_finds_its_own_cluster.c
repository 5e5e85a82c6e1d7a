/*
 * A task that opens a session as a program would, or that starts a program which does, comes to the
 * cluster in which it runs: also where that is a private one, which nobody else finds.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

static void
story(int argc, char **argv)
{
    lode_id id;
    int64_t same;
    (void)argc, (void)argv;
    lode *db = private_open();
    must(lode_load(db, story_tasks("nest")));
    must(lode_call(db, "nest.open_own", LODE_NO_ARGS, NULL, &id));
    must(lode_get_i64(db, id, LODE_FOREVER, &same));
    expect(same);
    lode_close(db);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
