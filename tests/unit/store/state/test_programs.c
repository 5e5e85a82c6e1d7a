/* How many sessions programs may have. Nothing of a session is needed but its pid and its flags. */
#include "api/base/fail.h"
#include "store/state/programs.h"
#include "tests/support/check.h"

#include <criterion/criterion.h>
#include <string.h>

enum { PID = 5000, SAME_HASH = PID + LODE_SESSION_ROWS };

static struct store store;
static struct session sessions[LODE_SESSION_ROWS];

static void
setup(void)
{
    memset(&store, 0, sizeof store);
    memset(sessions, 0, sizeof sessions);
}

TestSuite(programs, .init = setup, .timeout = 60);

static struct session *
add(int64_t pid, uint32_t flags)
{
    struct session *session = &sessions[store.session_count];
    session->pid = pid;
    session->flags = flags;
    store.sessions[store.session_count++] = session;
    programs_add(&store, session);
    return session;
}

static lode_err
check(int64_t pid, uint32_t flags)
{
    return programs_check(&store, &(struct session){.pid = pid, .flags = flags});
}

Test(programs, of_one_process_are_so_many_and_keep_no_other_process_out)
{
    struct session *one = NULL;
    for (int i = 0; i < STORE_SESSIONS_OF_PROCESS_MAX; i++) {
        must(check(PID, 0));
        one = add(PID, 0);
    }
    fails(check(PID, 0), LODE_ELIMIT);
    expect(strstr(lode_last_error(), "this process has 1024 sessions") != NULL);
    must(check(PID + 1, 0));
    must(check(SAME_HASH, 0));
    must(check(PID, LODE_HELLO_MAKER));
    add(SAME_HASH, 0);
    must(check(SAME_HASH, 0));
    programs_remove(&store, one);
    programs_remove(&store, one); /* once only */
    must(check(PID, 0));
    add(PID, 0);
    fails(check(PID, 0), LODE_ELIMIT);
}

Test(programs, leave_a_share_of_all_sessions_to_workers)
{
    for (int i = 0; i < 500; i++) {
        add(PID, LODE_HELLO_MAKER);
    }
    for (int i = 0; i < STORE_PROGRAMS_MAX; i++) {
        must(check(PID + i, 0));
        add(PID + i, 0);
    }
    fails(check(PID, 0), LODE_ELIMIT);
    must(check(PID, LODE_HELLO_MAKER));
    must(check(PID, LODE_HELLO_SCHEDULER));
    programs_remove(&store, &sessions[700]);
    must(check(PID, 0));
}

Test(programs, of_processes_that_cannot_be_seen_count_each_for_itself)
{
    for (int i = 0; i < STORE_PROGRAMS_MAX; i++) {
        must(check(0, 0));
        add(0, 0);
    }
    fails(check(0, 0), LODE_ELIMIT);
    expect(strstr(lode_last_error(), "programs have") != NULL);
    must(check(0, LODE_HELLO_MAKER));
}
