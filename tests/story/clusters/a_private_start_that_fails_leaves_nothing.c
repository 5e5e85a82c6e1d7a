/*
 * A private cluster cannot start under the program's limits (ulimit -f, -n, -v). lode_open() says
 * why. On stderr at most the daemon that failed says the same, in one line: nobody puts files back
 * into the directory that goes. Once all processes have ended, the directory is gone.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct attempt {
    int resource;
    rlim_t limit;
    const char *named; /* in the sentence, or on stderr */
    int stderr_pipe[2];
    char sentence[1024];
};

static void
program(struct child *parent, void *arg)
{
    struct attempt *attempt = arg;
    struct rlimit limit = {attempt->limit, attempt->limit};
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_PRIVATE,
                                 .num_cpus = 1,
                                 .capacity_bytes = 32 << 20};
    lode *db = NULL;
    int own = dup(STDERR_FILENO);
    expect(dup2(attempt->stderr_pipe[1], STDERR_FILENO) == STDERR_FILENO);
    close(attempt->stderr_pipe[0]);
    close(attempt->stderr_pipe[1]);
    expect_eq(setrlimit(attempt->resource, &limit), 0);
    lode_err err = lode_open(NULL, &options, &db);
    dup2(own, STDERR_FILENO);
    expect(err != LODE_OK);
    snprintf(attempt->sentence, sizeof attempt->sentence, "%s", lode_last_error());
    child_say(parent, attempt->sentence, sizeof attempt->sentence);
    _exit(0);
}

static int
count_directories(void)
{
    int count = 0;
    DIR *dir = opendir(getenv("XDG_RUNTIME_DIR"));
    expect(dir != NULL);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        count += strncmp(entry->d_name, "lode-", 5) == 0;
    }
    closedir(dir);
    return count;
}

/* The end of stderr is the end of the last process that may write there. */
static void
hear_all(int fd, char *text, size_t room)
{
    size_t used = 0;
    ssize_t got;
    while ((got = read(fd, text + used, room - 1 - used)) > 0) {
        used += (size_t)got;
    }
    text[used] = '\0';
    close(fd);
}

static int attempts, late; /* late: a daemon did not end in its second */

static void
fails_under(int resource, rlim_t limit, const char *named)
{
    struct attempt attempt = {.resource = resource, .limit = limit, .named = named};
    struct child child;
    char said[8192], *line;
    expect_eq(pipe(attempt.stderr_pipe), 0);
    child_start(&child, program, &attempt);
    close(attempt.stderr_pipe[1]);
    child_hear(&child, attempt.sentence, sizeof attempt.sentence);
    child_must_end(&child);
    hear_all(attempt.stderr_pipe[0], said, sizeof said);
    attempts++;
    late += leave_out_slow_ends(said) > 0;
    if (strstr(said, named) == NULL) {
        expect_text(attempt.sentence, named);
    }
    line = strchr(said, '\n');
    if (line != NULL && line[1] != '\0') {
        give_up("more than one line: %s", said);
    }
    expect_eq(count_directories(), 0);
}

static void
story(int argc, char **argv)
{
    enum { OWN_FILES = 9 };
    (void)argc, (void)argv;
    fails_under(RLIMIT_FSIZE, 0, "ulimit -f");
    fails_under(RLIMIT_FSIZE, 10 << 10, "ulimit -f");
    for (rlim_t more = 0; more < 8; more++) {
        fails_under(RLIMIT_NOFILE, OWN_FILES + more, "ulimit -n");
    }
#ifndef __SANITIZE_ADDRESS__ /* it reserves terabytes of addresses before main() */
    fails_under(RLIMIT_AS, 300 << 20, "ulimit -v");
#endif
    expect_lt(late, attempts / 2); /* a busy machine may be the reason now and then */
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
