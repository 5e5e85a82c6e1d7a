#include "tests/support/cut.h"

#include "api/layout/session.h"
#include "tests/support/check.h"
#include "tests/support/story.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The end of its ring, as nobody would write it. */
static void
break_ring(uint64_t session)
{
    char pattern[256];
    glob_t found;
    uint64_t tail = 3;
    snprintf(pattern, sizeof pattern, "%s/*/session-%llu", story_shm(),
             (unsigned long long)session);
    expect_eq(glob(pattern, 0, NULL, &found), 0);
    expect_eq(found.gl_pathc, 1);
    int fd = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
    expect_lt(-1, fd);
    expect_eq(pwrite(fd, &tail, sizeof tail, offsetof(struct lode_session_header, ring_tail)),
              sizeof tail);
    close(fd);
    globfree(&found);
}

/*
 * A question after an id of the broken one makes the store look at its ring; the cut session ends
 * after that round of the loop, which answers so many packets of one session at most.
 */
void
cut_session(lode *db, uint64_t session)
{
    enum { PACKETS_A_ROUND = 64 };
    lode_view view;
    lode_store_stats stats;
    break_ring(session);
    fails(lode_get(db, lode_id_make(LODE_ID_PUT, session, 99), 0, &view), LODE_EGONE);
    for (int i = 0; i <= PACKETS_A_ROUND; i++) {
        must(lode_get_store_stats(db, &stats));
    }
}

uint64_t
cut_session_of(pid_t pid)
{
    char path[64], line[4096];
    uint64_t session = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "re");
    expect(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        const char *name = strstr(line, "/session-");
        if (name != NULL) {
            session = strtoull(name + strlen("/session-"), NULL, 10);
        }
    }
    fclose(maps);
    expect_ne(session, 0);
    return session;
}
