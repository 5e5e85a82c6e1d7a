/* A daemon is found in its directory, also where somebody removes its files. */
#include "api/base/fail.h"
#include "api/cluster/hold.h"
#include "api/cluster/presence.h"
#include "api/system/socket.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

static char dir[64];
static struct lode_presence presence;
static struct lode_holder holder;

static void
setup(void)
{
    strcpy(dir, "/tmp/lt-presence-XXXXXX");
    scratch_dir(dir);
    lode_presence_init(&presence);
    must(lode_presence_open(&presence, dir, "it.lock", "it.sock", false));
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
hears_within(int64_t ms)
{
    struct pollfd watch = {.fd = presence.watch_fd, .events = POLLIN};
    return poll(&watch, 1, (int)ms) == 1;
}

static bool
hears(void)
{
    return hears_within(0);
}

/* True if the timer will wake the daemon. */
static bool
is_planned(void)
{
    struct itimerspec left;
    expect_eq(timerfd_gettime(presence.timer_fd, &left), 0);
    return left.it_value.tv_sec != 0 || left.it_value.tv_nsec != 0;
}

/* As a daemon's loop does, until the lock file is there again and ours. */
static void
restore_until_held(void)
{
    int64_t end = now_ms() + bound_ms(5000);
    int old_fd = -1;
    while (!lode_hold_is_at(presence.lock_fd, presence.lock_path)) {
        expect_lt(now_ms(), end);
        expect(hears_within(bound_ms(5000)));
        expect(!lode_presence_restore(&presence, &old_fd));
    }
    must(lode_hold_ask(presence.lock_path, &holder));
    expect_eq(holder.pid, getpid());
}

Test(presence, sleeps_while_nothing_is_removed)
{
    int fd = -1, old_fd = -1;
    must(lode_socket_connect(presence.socket_path, &fd));
    expect(lode_presence_restore(&presence, &old_fd) == false); /* takes what the start made */
    expect(!hears());
    expect(!is_planned());
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

Test(presence, a_lock_that_another_process_has_for_a_moment_is_taken_back_later)
{
    int fd = -1, old_fd = -1;
    unlink(presence.lock_path);
    must(lode_hold_file(presence.lock_path, &fd));
    for (int i = 0; i < 3; i++) {
        expect(hears_within(bound_ms(5000)));
        expect(!lode_presence_restore(&presence, &old_fd));
        expect(!lode_hold_is_at(presence.lock_fd, presence.lock_path));
    }
    close(fd); /* and leaves the file */
    restore_until_held();
    expect(!is_planned());
}

Test(presence, puts_back_a_lock_without_waiting_for_who_is_about_to_let_go)
{
    struct flock first_byte = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    int old_fd = -1;
    unlink(presence.lock_path);
    int fd = open(presence.lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    expect_eq(fcntl(fd, F_OFD_SETLK, &first_byte), 0); /* has not written who it is */
    int64_t began = now_ms();
    for (int i = 0; i < 10; i++) {
        expect(!lode_presence_restore(&presence, &old_fd));
    }
    expect_lt(now_ms() - began, bound_ms(1000)); /* each would have waited a second */
    close(fd);
    restore_until_held();
}

Test(presence, a_directory_that_is_there_again_gets_its_files_again)
{
    int old_fd = -1;
    unlink(presence.lock_path);
    unlink(presence.socket_path);
    expect_eq(rmdir(dir), 0);
    expect(!lode_presence_restore(&presence, &old_fd));
    expect_eq(mkdir(dir, 0700), 0);
    while (!lode_presence_restore(&presence, &old_fd)) {
        expect(hears_within(bound_ms(5000)));
    }
    close(old_fd);
    restore_until_held();
}

struct remover {
    char path[128];
    atomic_bool go, done;
};

/* Removes the file once, as soon as it is there. */
static void *
remove_once(void *arg)
{
    struct remover *remover = arg;
    while (!atomic_load(&remover->go)) {
    }
    while (unlink(remover->path) != 0) {
    }
    atomic_store(&remover->done, true);
    return NULL;
}

Test(presence, a_lock_that_is_removed_before_it_is_watched_is_missed_too)
{
    for (int i = 0; i < 200; i++) {
        struct remover remover = {.go = false, .done = false};
        pthread_t thread;
        lode_presence_close(&presence);
        strcpy(remover.path, presence.lock_path);
        unlink(remover.path);
        expect_eq(pthread_create(&thread, NULL, remove_once, &remover), 0);
        atomic_store(&remover.go, true);
        must(lode_presence_open(&presence, dir, "it.lock", "it.sock", false));
        pthread_join(thread, NULL);
        expect(lode_hold_is_at(presence.lock_fd, presence.lock_path) ||
               hears_within(bound_ms(1000)));
    }
}

Test(presence, of_a_private_cluster_is_put_back_too)
{
    int old_fd = -1;
    lode_presence_close(&presence);
    must(lode_presence_open(&presence, dir, "it.lock", "it.sock", true));
    must(lode_presence_listen(&presence));
    unlink(presence.lock_path);
    unlink(presence.socket_path);
    expect(hears());
    expect(lode_presence_restore(&presence, &old_fd));
    close(old_fd);
    restore_until_held();
}

static bool is_refused;

static lode_err
write_it(void *arg)
{
    int fd = is_refused ? -1 : open(arg, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return LODE_ESYS;
    }
    close(fd);
    return LODE_OK;
}

Test(presence, a_further_file_is_put_back_and_tried_until_it_can_be)
{
    char path[128];
    int old_fd = -1;
    snprintf(path, sizeof path, "%s/further", dir);
    must(lode_presence_add(&presence, dir, "further", write_it, path));
    for (int i = 0; i < 2; i++) {
        expect_eq(access(path, F_OK), 0);
        expect(!hears() || !lode_presence_restore(&presence, &old_fd));
        expect(!is_planned());
        is_refused = true;
        unlink(path);
        expect(hears());
        expect(!lode_presence_restore(&presence, &old_fd));
        is_refused = false;
        expect(hears_within(bound_ms(5000)));
        expect(!lode_presence_restore(&presence, &old_fd));
    }
    expect_eq(unlink(path), 0);
}

Test(presence, that_is_withdrawn_leaves_no_lock_file)
{
    lode_presence_withdraw(&presence);
    expect_eq(access(presence.lock_path, F_OK), -1);
}

Test(presence, a_second_is_refused_also_where_the_lock_file_was_removed)
{
    struct lode_presence second;
    unlink(presence.lock_path);
    lode_presence_init(&second);
    fails(lode_presence_open(&second, dir, "it.lock", "it.sock", false), LODE_ERUNNING);
    expect_text(lode_last_error(), "already running");
}

Test(presence, a_socket_that_is_served_is_not_taken)
{
    int fd = -1;
    fails(lode_socket_listen(presence.socket_path, &fd), LODE_ERUNNING);
    must(lode_socket_connect(presence.socket_path, &fd));
    close(fd);
}
