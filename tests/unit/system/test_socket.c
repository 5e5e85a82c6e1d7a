/* Packets with descriptors over SOCK_SEQPACKET. */
#include "api/base/fail.h"
#include "api/system/socket.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int pair[2];

static void
setup(void)
{
    cr_assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
}

static void
teardown(void)
{
    close(pair[0]);
    close(pair[1]);
}

TestSuite(socket, .init = setup, .fini = teardown);

Test(socket, a_packet_of_two_parts_arrives_as_one)
{
    char buffer[16];
    size_t size;
    cr_assert(lode_socket_send(pair[0], "head", 4, "rest", 4, NULL, 0) == LODE_OK);
    cr_assert(lode_socket_receive(pair[1], 0, buffer, sizeof buffer, &size, NULL, NULL) == LODE_OK);
    cr_assert(size == 8 && memcmp(buffer, "headrest", 8) == 0);
}

Test(socket, a_packet_that_does_not_fit_is_an_error)
{
    char buffer[4];
    size_t size;
    cr_assert(lode_socket_send(pair[0], "12345", 5, NULL, 0, NULL, 0) == LODE_OK);
    cr_assert(lode_socket_receive(pair[1], 0, buffer, sizeof buffer, &size, NULL, NULL) ==
              LODE_ETOOBIG);
}

Test(socket, descriptors_come_along_and_are_closed_at_exec)
{
    int fds[LODE_SOCKET_FDS_MAX];
    size_t count = LODE_SOCKET_FDS_MAX;
    size_t size;
    char byte;
    struct stat a;
    struct stat b;
    int null = open("/dev/null", O_RDONLY);
    cr_assert(lode_socket_send(pair[0], "x", 1, NULL, 0, &null, 1) == LODE_OK);
    cr_assert(lode_socket_receive(pair[1], 0, &byte, 1, &size, fds, &count) == LODE_OK);
    cr_assert(count == 1);
    cr_assert(fstat(null, &a) == 0 && fstat(fds[0], &b) == 0 && a.st_ino == b.st_ino);
    cr_assert((fcntl(fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    close(fds[0]);
    close(null);
}

static int
lowest_free_fd(void)
{
    int fd = dup(0);
    close(fd);
    return fd;
}

Test(socket, descriptors_that_nobody_wants_are_closed)
{
    size_t size;
    char byte;
    int null = open("/dev/null", O_RDONLY);
    int before = lowest_free_fd();
    cr_assert(lode_socket_send(pair[0], "x", 1, NULL, 0, &null, 1) == LODE_OK);
    cr_assert(lode_socket_receive(pair[1], 0, &byte, 1, &size, NULL, NULL) == LODE_OK);
    cr_assert(lowest_free_fd() == before);
    close(null);
}

Test(socket, the_end_is_down_and_raises_no_signal)
{
    char byte;
    size_t size;
    cr_assert(lode_socket_receive(pair[1], MSG_DONTWAIT, &byte, 1, &size, NULL, NULL) ==
              LODE_EAGAIN);
    shutdown(pair[0], SHUT_RDWR);
    cr_assert(lode_socket_receive(pair[1], 0, &byte, 1, &size, NULL, NULL) == LODE_EDOWN);
    cr_assert(lode_socket_send(pair[1], "x", 1, NULL, 0, NULL, 0) == LODE_EDOWN);
}

Test(socket, a_full_socket_is_again)
{
    static char bytes[32 << 10];
    lode_err err = LODE_OK;
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 1000 && err == LODE_OK; i++) {
        err = lode_socket_send(pair[0], bytes, sizeof bytes, NULL, 0, NULL, 0);
    }
    cr_assert(err == LODE_EAGAIN);
}

Test(socket, listen_connect_and_who_is_there)
{
    char path[64];
    int listener;
    int client;
    struct stat st;
    pid_t pid;
    uid_t uid;
    snprintf(path, sizeof path, "/tmp/lt-socket-%d", (int)getpid());
    cr_assert(lode_socket_connect(path, &client) == LODE_EDOWN);
    cr_assert(lode_socket_listen(path, &listener) == LODE_OK);
    cr_assert(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    cr_assert(lode_socket_connect(path, &client) == LODE_OK);
    int server = accept(listener, NULL, NULL);
    cr_assert(lode_socket_peer(server, &pid, &uid) == LODE_OK);
    cr_assert(pid == getpid() && uid == getuid());
    close(server);
    close(client);
    close(listener);
    cr_assert(lode_socket_connect(path, &client) == LODE_EDOWN); /* the file alone is nobody */
    cr_assert(lode_socket_listen(path, &listener) == LODE_OK);   /* and is no hindrance */
    close(listener);
    unlink(path);
}

Test(socket, a_path_that_is_too_long_says_how_long_it_may_be)
{
    char path[256];
    int fd;
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    cr_assert(lode_socket_connect(path, &fd) == LODE_EINVAL);
    cr_assert_not_null(strstr(lode_last_error(), "107"));
}

Test(socket, descriptors_without_a_number_left_for_them_are_an_error_that_names_the_limit)
{
    int fds[LODE_SOCKET_FDS_MAX];
    size_t count = LODE_SOCKET_FDS_MAX, size = 0;
    char byte = 0;
    int null[2] = {open("/dev/null", O_RDONLY), open("/dev/null", O_RDONLY)};
    cr_assert(lode_socket_send(pair[0], "x", 1, NULL, 0, null, 2) == LODE_OK);
    close(null[1]);
    int room = lowest_free_fd() + 1; /* for one of the two */
    struct rlimit files, few;
    cr_assert(getrlimit(RLIMIT_NOFILE, &files) == 0);
    few = (struct rlimit){(rlim_t)room, files.rlim_max};
    cr_assert(setrlimit(RLIMIT_NOFILE, &few) == 0);
    lode_err err = lode_socket_receive(pair[1], 0, &byte, 1, &size, fds, &count);
    cr_assert(setrlimit(RLIMIT_NOFILE, &files) == 0);
    cr_assert(err == LODE_ELIMIT);
    cr_assert_not_null(strstr(lode_last_error(), "ulimit -n"));
    cr_assert(byte == 'x' && size == 1 && count == 0);
    cr_assert(lowest_free_fd() == room - 1);
    close(null[0]);
}

Test(socket, descriptors_beyond_what_is_taken_are_no_error)
{
    int fds[LODE_SOCKET_FDS_MAX];
    size_t count = 0, size;
    char byte = 'x', control[CMSG_SPACE((LODE_SOCKET_FDS_MAX + 1) * sizeof(int))] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                               .cmsg_type = SCM_RIGHTS,
                               .cmsg_len = CMSG_LEN((LODE_SOCKET_FDS_MAX + 1) * sizeof(int))};
    int before = lowest_free_fd();
    cr_assert(sendmsg(pair[0], &message, 0) == 1); /* five times descriptor 0 */
    cr_assert(lode_socket_receive(pair[1], 0, &byte, 1, &size, fds, &count) == LODE_OK);
    cr_assert(count == LODE_SOCKET_FDS_MAX);
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
    cr_assert(lowest_free_fd() == before);
}
