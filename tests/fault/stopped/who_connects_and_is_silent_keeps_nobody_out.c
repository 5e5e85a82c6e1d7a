/*
 * Connections to the store that say nothing: 1,024 of them are borne, then the oldest is closed. So
 * they cannot use up the store's descriptors, and programs attach as if they were not there.
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BORNE = 1024, SILENT = BORNE + 300 };

static int
knock(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s/store.sock", story_dir());
    expect(fd >= 0);
    expect_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static bool
is_closed(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void
attach_and_put(void)
{
    lode *db = store_open();
    lode_id id;
    must(lode_put(db, "x", 1, 0, &id));
    lode_close(db);
}

static void
story(int argc, char **argv)
{
    static int fds[SILENT];
    struct rlimit limit;
    (void)argc, (void)argv;
    expect_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < SILENT + 100) {
        skip("%llu descriptors are too few", (unsigned long long)limit.rlim_cur);
    }
    pid_t store = store_start(16 << 20);
    for (int i = 0; i < SILENT; i++) {
        fds[i] = knock();
    }
    attach_and_put(); /* the store has come to all who knocked before */
    for (int i = 0; i < SILENT - BORNE; i++) {
        expect(is_closed(fds[i]));
    }
    expect(!is_closed(fds[SILENT - 1]));
    attach_and_put();
    for (int i = 0; i < SILENT; i++) {
        close(fds[i]);
    }
    daemon_stop(store);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 5, story);
}
