/* A daemon is found in its directory, also where somebody removes its files. */
#include "api/base/fail.h"
#include "api/base/hold.h"
#include "api/base/presence.h"
#include "api/base/socket.h"
#include "tests/support/check.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static struct lode_presence presence;
static struct lode_holder holder;

static void
setup(void)
{
    strcpy(dir, "/tmp/lt-presence-XXXXXX");
    expect(mkdtemp(dir) != NULL);
    lode_presence_init(&presence);
    must(lode_presence_open(&presence, dir, "it.lock", "it.sock"));
    must(lode_presence_listen(&presence));
    expect_le(0, presence.watch_fd);
}

static void
teardown(void)
{
    lode_presence_close(&presence);
    unlink(presence.lock_path);
    unlink(presence.socket_path);
    rmdir(dir);
}

TestSuite(presence, .init = setup, .fini = teardown);

static bool
hears(void)
{
    struct pollfd watch = {.fd = presence.watch_fd, .events = POLLIN};
    return poll(&watch, 1, 0) == 1;
}

Test(presence, sleeps_while_nothing_is_removed)
{
    int fd = -1, old_fd = -1;
    must(lode_socket_connect(presence.socket_path, &fd));
    expect(lode_presence_restore(&presence, &old_fd) == false); /* takes what the start made */
    expect(!hears());
    close(fd);
}

Test(presence, a_lock_file_that_was_removed_is_made_again)
{
    int old_fd = -1;
    for (int i = 0; i < 2; i++) {
        unlink(presence.lock_path);
        expect(hears());
        expect(!lode_presence_restore(&presence, &old_fd));
        must(lode_hold_ask(presence.lock_path, &holder));
        expect_eq(holder.pid, getpid());
    }
}

Test(presence, a_socket_that_was_removed_is_made_again)
{
    int fd = -1, old_fd = -1, first = presence.listen_fd;
    for (int i = 0; i < 2; i++) {
        unlink(presence.socket_path);
        expect(hears());
        expect(lode_presence_restore(&presence, &old_fd));
        expect_eq(old_fd, first);
        expect_ne(presence.listen_fd, first);
        close(old_fd);
        must(lode_socket_connect(presence.socket_path, &fd));
        close(fd);
        first = presence.listen_fd;
    }
}

Test(presence, a_directory_that_was_removed_is_said_and_no_hang)
{
    int old_fd = -1;
    unlink(presence.lock_path);
    unlink(presence.socket_path);
    expect_eq(rmdir(dir), 0);
    expect(hears());
    expect(!lode_presence_restore(&presence, &old_fd));
    expect_eq(old_fd, -1);
    expect_eq(mkdir(dir, 0700), 0);
}

Test(presence, a_second_is_refused_also_where_the_lock_file_was_removed)
{
    struct lode_presence second;
    unlink(presence.lock_path);
    lode_presence_init(&second);
    fails(lode_presence_open(&second, dir, "it.lock", "it.sock"), LODE_ERUNNING);
    expect_text(lode_last_error(), "already running");
}

Test(presence, a_socket_that_is_served_is_not_taken)
{
    int fd = -1;
    fails(lode_socket_listen(presence.socket_path, &fd), LODE_ERUNNING);
    must(lode_socket_connect(presence.socket_path, &fd));
    close(fd);
}
