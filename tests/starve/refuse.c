#include "tests/starve/refuse.h"

#include "tests/support/story.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char mark[128], when[128];

void
refuse(const struct refusal *refusal)
{
    char wish[64];
    if (refusal == NULL) {
        unsetenv("STARVE");
        unsetenv("STARVE_MARK");
        unsetenv("STARVE_WHILE");
        unsetenv("LD_PRELOAD");
        return;
    }
    snprintf(wish, sizeof wish, "%s %s %ld %ld", refusal->program, refusal->kind, refusal->n,
             refusal->count);
    snprintf(mark, sizeof mark, "%s/mark", story_files());
    snprintf(when, sizeof when, "%s/when", story_files());
    unlink(mark);
    unlink(when);
    setenv("STARVE", wish, 1);
    setenv("STARVE_MARK", mark, 1);
    if (refusal->later) {
        setenv("STARVE_WHILE", when, 1);
    }
    setenv("LD_PRELOAD", story_tasks("starve"), 1);
}

void
refuse_now(bool on)
{
    int fd = on ? open(when, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : unlink(when);
    expect(fd >= 0);
    if (on) {
        close(fd);
    }
}

bool
was_refused(void)
{
    return access(mark, F_OK) == 0;
}

long
refuse_each(bool (*run)(long n))
{
    long n = 1;
    while (run(n)) {
        n++;
    }
    return n - 1;
}
