#include "tests/bench/peer.h"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void
must_do(bool done, const char *what)
{
    bench_must(done ? LODE_OK : LODE_ESYS, what);
}

lode *
peer_attach(const char *dir)
{
    lode *db;
    lode_open_options options = {.struct_size = sizeof options,
                                 .flags = LODE_OPEN_ATTACH | LODE_OPEN_STORE_ONLY};
    MUST(lode_open(dir, &options, &db));
    return db;
}

void
peer_start(const struct bench *bench, int ms, const char *kind, struct peer *peer_out)
{
    int ends[2];
    char time[32];
    posix_spawn_file_actions_t actions;
    snprintf(time, sizeof time, "%d", ms);
    char *argv[] = {(char *)(uintptr_t) "lode-bench",
                    (char *)(uintptr_t) "--peer",
                    (char *)(uintptr_t)lode_cluster_dir(bench->db),
                    time,
                    (char *)(uintptr_t)kind,
                    NULL};
    must_do(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    must_do(posix_spawn(&peer_out->pid, bench->self, &actions, NULL, argv, environ) == 0,
            bench->self);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    peer_out->fd = ends[0];
}

void
peer_await_ready(const struct peer *peer)
{
    char byte;
    must_do(read(peer->fd, &byte, 1) == 1, "a peer that begins");
}

void
peer_go(const struct peer *peer)
{
    must_do(write(peer->fd, "g", 1) == 1, "a peer that goes");
}

void
peer_hear(const struct peer *peer, void *said_out, size_t size_bytes)
{
    must_do(recv(peer->fd, said_out, size_bytes, MSG_WAITALL) == (ssize_t)size_bytes,
            "what a peer says");
}

void
peer_end(const struct peer *peer)
{
    int status;
    close(peer->fd);
    waitpid(peer->pid, &status, 0);
    must_do(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a peer");
}

void
peer_say_ready_and_wait(void)
{
    char byte;
    must_do(write(STDOUT_FILENO, "r", 1) == 1, "ready");
    must_do(read(STDIN_FILENO, &byte, 1) == 1, "go");
}

void
peer_say(const void *said, size_t size_bytes)
{
    char byte;
    must_do(write(STDOUT_FILENO, said, size_bytes) == (ssize_t)size_bytes, "say");
    must_do(read(STDIN_FILENO, &byte, 1) == 0, "the end of the case");
}
