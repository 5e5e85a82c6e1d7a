/* Workers, started and reaped at the word of a scheduler that this test plays. */
#include "tools/supervisor/workers.h"

#include "api/system/socket.h"
#include "api/wire/supervisor_msg.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A worker that says with what it was started, and then waits for the end of its lifeline. */
static const char script[] = "#!/bin/bash\n"
                             "echo \"$@\"\n"
                             "echo oom $(cat /proc/self/oom_score_adj) >&2\n"
                             "eval \"read nothing <&$8\"\n";

static char dir[] = "/tmp/lode-workers-XXXXXX";
static char program[64];
static struct worker_processes workers;
static int lifeline[2], packets[2];

static void
setup(void)
{
    scratch_dir(dir);
    snprintf(program, sizeof program, "%s/lode-worker", dir);
    FILE *file = fopen(program, "w");
    fputs(script, file);
    fclose(file);
    chmod(program, 0700);
    cr_assert_eq(pipe2(lifeline, O_CLOEXEC), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, packets), 0);
    workers_init(&workers, program, dir, lifeline[0]);
}

/* Waits for one child as the supervisor does: looks, then reaps. */
static pid_t
reap_one(void)
{
    siginfo_t info = {0};
    int status = 0;
    cr_assert_eq(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
    cr_assert(workers_ending(&workers, info.si_pid));
    waitpid(info.si_pid, &status, 0);
    workers_reaped(&workers, info.si_pid, status);
    return info.si_pid;
}

static void
teardown(void)
{
    workers_kill_all(&workers);
    while (workers.running > 0) {
        reap_one();
    }
    workers_forget_ended(&workers);
    cr_assert_eq(workers.count, 0);
    unlink(program);
    rmdir(dir);
}

TestSuite(workers, .init = setup, .fini = teardown);

static void
spawn(uint32_t number)
{
    int page = memfd_create("page", MFD_CLOEXEC);
    cr_assert_eq(workers_spawn(&workers, number, page), LODE_OK, "%s", lode_last_error());
    close(page);
}

struct told {
    struct lode_supervisor_packet packet;
    int fds[LODE_SOCKET_FDS_MAX];
    size_t fd_count;
};

static struct told
hear(void)
{
    struct told told = {0};
    size_t size = 0;
    cr_assert_eq(workers_report(&workers, packets[0]), LODE_OK);
    cr_assert_eq(lode_socket_receive(packets[1], MSG_DONTWAIT, &told.packet, sizeof told.packet,
                                     &size, told.fds, &told.fd_count),
                 LODE_OK, "%s", lode_last_error());
    cr_assert_eq(size, sizeof told.packet);
    return told;
}

static void
hear_nothing(void)
{
    struct lode_supervisor_packet packet;
    size_t size;
    cr_assert_eq(workers_report(&workers, packets[0]), LODE_OK);
    cr_assert_eq(
        lode_socket_receive(packets[1], MSG_DONTWAIT, &packet, sizeof packet, &size, NULL, NULL),
        LODE_EAGAIN);
}

/* Reads the worker's output up to `lines` line ends. */
static void
read_lines(int fd, int lines, char *text, size_t room)
{
    size_t used = 0;
    while (lines > 0) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        cr_assert_eq(poll(&ready, 1, 20000), 1, "the worker is silent");
        cr_assert_eq(read(fd, text + used, 1), 1, "the worker has ended");
        lines -= text[used] == '\n';
        used++;
        cr_assert_lt(used, room);
    }
    text[used] = '\0';
}

Test(workers, a_worker_gets_its_number_its_page_and_the_lifeline)
{
    char text[512], want[256];
    spawn(7);
    struct told told = hear();
    cr_assert_eq(told.packet.type, LODE_SUPERVISOR_SPAWNED);
    cr_assert_eq(told.packet.worker, 7);
    cr_assert_eq(told.packet.err, 0);
    cr_assert_gt(told.packet.pid, 0);
    cr_assert_eq(told.fd_count, 2);
    read_lines(told.fds[1], 2, text, sizeof text);
    snprintf(want, sizeof want, "--dir %s --worker 7 --page-fd ", dir);
    cr_assert_eq(strncmp(text, want, strlen(want)), 0, "%s", text);
    cr_assert_not_null(strstr(text, " --lifeline-fd "));
    cr_assert_not_null(strstr(text, "oom "), "stderr is the same pipe: %s", text);
    hear_nothing();
}

Test(workers, workers_die_before_daemons_when_memory_is_short)
{
    char text[512], score[32] = {0};
    int own = open("/proc/self/oom_score_adj", O_RDONLY);
    cr_assert_gt(read(own, score, sizeof score - 1), 0);
    close(own);
    spawn(1);
    struct told told = hear();
    char path[64], raised[32] = {0};
    read_lines(told.fds[1], 2, text, sizeof text);
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)told.packet.pid);
    int theirs = open(path, O_RDONLY);
    cr_assert_gt(read(theirs, raised, sizeof raised - 1), 0);
    close(theirs);
    cr_assert_gt(atoi(raised), atoi(score));
}

Test(workers, an_end_is_told_once_with_its_status)
{
    spawn(3);
    struct told told = hear();
    kill((pid_t)told.packet.pid, SIGKILL);
    reap_one();
    struct told end = hear();
    cr_assert_eq(end.packet.type, LODE_SUPERVISOR_EXITED);
    cr_assert_eq(end.packet.worker, 3);
    cr_assert_eq(end.packet.pid, told.packet.pid);
    cr_assert(WIFSIGNALED(end.packet.status) && WTERMSIG(end.packet.status) == SIGKILL);
    hear_nothing();
    cr_assert_eq(workers.count, 0);
}

Test(workers, the_end_of_the_lifeline_ends_a_worker)
{
    char text[512];
    spawn(1);
    struct told told = hear();
    read_lines(told.fds[1], 2, text, sizeof text);
    close(lifeline[1]);
    reap_one();
    cr_assert(WIFEXITED(hear().packet.status));
}

Test(workers, one_that_ended_before_it_was_told_is_told_in_order)
{
    spawn(5);
    workers_signal(&workers, 5, SIGKILL);
    pid_t pid = reap_one();
    struct told first = hear();
    cr_assert_eq(first.packet.type, LODE_SUPERVISOR_SPAWNED);
    cr_assert_eq(first.packet.pid, pid);
    struct told second = {0};
    size_t size;
    cr_assert_eq(lode_socket_receive(packets[1], MSG_DONTWAIT, &second.packet, sizeof second.packet,
                                     &size, NULL, NULL),
                 LODE_OK);
    cr_assert_eq(second.packet.type, LODE_SUPERVISOR_EXITED);
}

Test(workers, what_a_worker_has_started_in_its_group_ends_with_it)
{
    FILE *file = fopen(program, "w");
    fputs("#!/bin/bash\nsleep 1000 &\necho $!\neval \"read nothing <&$8\"\n", file);
    fclose(file);
    char text[64];
    spawn(1);
    struct told told = hear();
    read_lines(told.fds[1], 1, text, sizeof text);
    int grandchild = atoi(text);
    cr_assert_eq(kill(grandchild, 0), 0);
    kill((pid_t)told.packet.pid, SIGKILL);
    reap_one();
    /* Its end of the output pipe, and ours of it, were the last. */
    struct pollfd end = {.fd = told.fds[1], .events = POLLIN};
    cr_assert_eq(poll(&end, 1, 20000), 1);
    cr_assert_eq(read(told.fds[1], text, sizeof text), 0);
}

Test(workers, a_program_that_is_not_there_is_an_error_for_the_scheduler)
{
    unlink(program);
    spawn(9);
    struct told told = hear();
    cr_assert_eq(told.packet.type, LODE_SUPERVISOR_SPAWNED);
    cr_assert_eq(told.packet.err, LODE_ENOTFOUND);
    cr_assert_eq(told.fd_count, 0);
    hear_nothing();
    cr_assert_eq(workers.count, 0);
}

Test(workers, a_number_in_use_is_refused)
{
    spawn(2);
    cr_assert_eq(workers_spawn(&workers, 2, lifeline[0]), LODE_EPROTO);
    cr_assert_eq(workers.count, 1);
}

Test(workers, a_signal_for_nobody_hurts_nobody)
{
    spawn(1);
    workers_signal(&workers, 2, SIGKILL);
    cr_assert_eq(workers.running, 1);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), 0);
}

Test(workers, what_a_full_socket_has_no_room_for_is_told_later)
{
    struct lode_supervisor_packet packet = {0};
    size_t size, filler = 0;
    spawn(1);
    cr_assert_eq(workers_report(&workers, packets[0]), LODE_OK);
    while (lode_socket_send(packets[0], &packet, sizeof packet, NULL, 0, NULL, 0) == LODE_OK) {
        filler++;
    }
    workers_signal(&workers, 1, SIGKILL);
    reap_one();
    cr_assert_eq(workers_report(&workers, packets[0]), LODE_EAGAIN);
    cr_assert_eq(workers.count, 1);
    for (size_t i = 0; i < filler + 1; i++) {
        cr_assert_eq(lode_socket_receive(packets[1], MSG_DONTWAIT, &packet, sizeof packet, &size,
                                         NULL, NULL),
                     LODE_OK);
    }
    cr_assert_eq(hear().packet.type, LODE_SUPERVISOR_EXITED);
}
