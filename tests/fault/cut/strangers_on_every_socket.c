/*
 * Connects and closes, half messages, oversized messages and random bytes, on every socket of a
 * cluster: the next client is served, and nothing that was acknowledged is lost.
 * ctest: ci 10000
 * ctest: timeout 900
 */
#include "tests/support/child.h"
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include "api/wire/rendezvous_msg.h"
#include "api/wire/store_msg.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { SOCKETS_MAX = 64, BYTES_MAX = 300 << 10 };

static unsigned char junk[BYTES_MAX];
static uint64_t seed = UINT64_C(0x2545f4914f6cdd1d);

static uint64_t
roll(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Either kind of Unix socket; -1 where nobody listens (any more). */
static int
dial(const char *path)
{
    static const int types[] = {SOCK_SEQPACKET, SOCK_STREAM};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.*s", (int)sizeof address.sun_path - 1,
             path);
    for (int i = 0; i < 2; i++) {
        int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
            return fd;
        }
        close(fd);
    }
    return -1;
}

/* A beginning that is right, so that more than the first check is reached. */
static size_t
begin(size_t size)
{
    struct lode_msg_hello hello = {.head = {LODE_MSG_HELLO, {0}, 1},
                                   .magic = LODE_STORE_MAGIC,
                                   .major = LODE_STORE_WIRE_MAJOR,
                                   .flags = (uint32_t)roll() % 4};
    struct lode_rendezvous_hello meet = {.magic = LODE_RENDEZVOUS_MAGIC,
                                         .major = LODE_RENDEZVOUS_MAJOR,
                                         .role = (uint32_t)roll() % 4,
                                         .store_session = roll()};
    switch (roll() % 4) {
    case 0:
        memcpy(junk, &hello, sizeof hello);
        return sizeof hello;
    case 1:
        memcpy(junk, &meet, sizeof meet);
        return sizeof meet;
    case 2:
        memcpy(junk, "\0SP\0\0\x10\0\0", 8); /* nng's own greeting, of PAIR0 */
        return size < 8 ? size : 8;
    default:
        return size;
    }
}

static void
molest(const char *path)
{
    static const size_t sizes[] = {0,  1,  3,   7,    8,     15,    31,       32,
                                   33, 64, 100, 1000, 65536, 70000, BYTES_MAX};
    int fd = dial(path);
    if (fd < 0) {
        return;
    }
    size_t packets = roll() % 4;
    for (size_t p = 0; p < packets; p++) {
        size_t size = sizes[roll() % (sizeof sizes / sizeof sizes[0])];
        for (size_t i = 0; i + 8 <= size && i < 4096; i += 8) {
            uint64_t word = roll();
            memcpy(junk + i, &word, 8);
        }
        if (size > 0) {
            junk[0] = (unsigned char)(roll() % (LODE_MSG_END + 2)); /* often a type that exists */
        }
        size = p == 0 ? begin(size) : size;
        if (send(fd, junk, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE) {
            break;
        }
    }
    close(fd);
}

struct visit {
    const char *path;
    long count;
};

/* In a process of its own: what a session holds ends with its process, if not with its socket. */
static void
stranger(struct child *parent, void *arg)
{
    const struct visit *visit = arg;
    (void)parent;
    for (long i = 0; i < visit->count; i++) { /* connect and close */
        close(dial(visit->path));
    }
    for (long i = 0; i < visit->count; i++) {
        molest(visit->path);
    }
}

/* Every socket in the cluster's directory. */
static int
find_sockets(char paths[SOCKETS_MAX][256])
{
    int count = 0;
    DIR *dir = opendir(story_dir());
    expect(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat st;
        char *path = paths[count];
        snprintf(path, 256, "%s/%.180s", story_dir(), entry->d_name);
        if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode) && count < SOCKETS_MAX - 1) {
            count++;
        }
    }
    closedir(dir);
    return count;
}

static void
expect_served(lode *db, lode_id kept)
{
    lode_view view;
    lode_id result;
    int64_t value;
    must(lode_get(db, kept, 0, &view));
    expect(memcmp(view.data, "acknowledged", 12) == 0);
    lode_release(&view);
    must(lode_call(db, "play.increment", LODE_ARGS(lode_i64(1)), NULL, &result));
    must(lode_get_i64(db, result, LODE_FOREVER, &value));
    expect_eq(value, 2);
    lode_drop(db, result);
}

static void
story(int argc, char **argv)
{
    static char paths[SOCKETS_MAX][256];
    long count = count_argument(argc, argv, 1, 1000);
    pid_t supervisor = cluster_start(1, 32 << 20);
    lode *db = cluster_open();
    lode_id kept;
    cluster_offer("play");
    must(lode_put(db, "acknowledged", 12, 0, &kept));
    expect_served(db, kept); /* so that the private endpoints are there */
    lode_store_stats before;
    must(lode_get_store_stats(db, &before));
    int sockets = find_sockets(paths);
    expect_le(2, sockets);
    for (int s = 0; s < sockets; s++) {
        struct child child;
        struct visit visit = {paths[s], count};
        seed += (uint64_t)s;
        child_start(&child, stranger, &visit);
        child_must_end(&child);
        if (s % 4 == 0) {
            expect_served(db, kept);
        }
    }
    expect_served(db, kept);
    lode *next = cluster_open();
    expect_served(next, kept);
    lode_close(next);
    await_stat(db, sessions, before.sessions);
    lode_close(db);
    cluster_stop(supervisor);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 30, story);
}
