/*
 * Many tasks without scheduler or store: see floor.h. Plain stream sockets in place of nng, one
 * worker, and batches as large as they come; so lode can come near it, and not below it.
 */
#include "tests/bench/floor_private.h"

#include "api/base/assert.h"
#include "api/base/clock.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CALL_BYTES = 96,    /* SUBMIT */
    ORDER_BYTES = 112,  /* RUN */
    DONE_BYTES = 40,    /* DONE */
    RESULT_BYTES = 128, /* of a task, as it lies in the ring, and in the table */
    BATCH = 512         /* tasks that are written at once */
};

struct ends {
    int one, other;
};

struct many {
    _Alignas(64) _Atomic uint32_t made;  /* results in the ring */
    _Alignas(64) _Atomic uint32_t taken; /* results in the table */
    struct ends calls, orders, dones;
    int count;
    double us;
    char *ring, *table; /* RESULT_BYTES for each task */
};

static void
write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t wrote = write(fd, bytes, size);
        LODE_ASSERT(wrote > 0);
        bytes += wrote;
        size -= (size_t)wrote;
    }
}

/* Whole records of `record` bytes; what is left of one begins the buffer next time. */
static int
read_records(int fd, char *buffer, size_t room, size_t *left_io, size_t record)
{
    ssize_t got = read(fd, buffer + *left_io, room - *left_io);
    LODE_ASSERT(got > 0);
    size_t size = *left_io + (size_t)got;
    *left_io = size % record;
    memmove(buffer, buffer + size - *left_io, *left_io);
    return (int)(size / record);
}

static void
dispatch_many(void *arg)
{
    static char in[BATCH * CALL_BYTES], out[BATCH * ORDER_BYTES];
    struct many *many = arg;
    size_t left = 0;
    for (;;) {
        int count = read_records(many->calls.other, in, sizeof in, &left, CALL_BYTES);
        write_all(many->orders.one, out, (size_t)count * ORDER_BYTES);
    }
}

static void
hear_of_ends(void *arg)
{
    static char in[BATCH * DONE_BYTES];
    const struct many *many = arg;
    for (size_t left = 0;;) {
        (void)read_records(many->dones.other, in, sizeof in, &left, DONE_BYTES);
    }
}

static void
work_many(void *arg)
{
    static char in[BATCH * ORDER_BYTES], out[BATCH * DONE_BYTES];
    struct many *many = arg;
    size_t left = 0;
    for (uint32_t made = 0;;) {
        int count = read_records(many->orders.other, in, sizeof in, &left, ORDER_BYTES);
        if (count == 0) {
            continue; /* not a whole one yet */
        }
        for (int i = 0; i < count; i++, made++) {
            size_t at = made % (uint32_t)many->count;
            memset(many->ring + at * RESULT_BYTES, 1, RESULT_BYTES);
        }
        atomic_store(&many->made, made - 1);
        floor_bump(&many->made);
        write_all(many->dones.one, out, (size_t)count * DONE_BYTES);
    }
}

static void
store_many(void *arg)
{
    struct many *many = arg;
    for (uint32_t taken = 0;;) {
        floor_wait_change(&many->made, taken);
        for (uint32_t made = atomic_load(&many->made); taken != made; taken++) {
            size_t at = taken % (uint32_t)many->count * RESULT_BYTES;
            memcpy(many->table + at, many->ring + at, RESULT_BYTES);
        }
        atomic_store(&many->taken, taken - 1);
        floor_bump(&many->taken);
    }
}

static void
submit_many(void *arg)
{
    static char out[BATCH * CALL_BYTES];
    struct many *many = arg;
    uint32_t count = (uint32_t)many->count;
    for (uint32_t round = 1; round <= 2; round++) { /* the first one touches the memory */
        int64_t start = lode_now_ns();
        for (uint32_t i = 0; i < count; i += BATCH) {
            uint32_t batch = count - i < BATCH ? count - i : BATCH;
            write_all(many->calls.one, out, (size_t)batch * CALL_BYTES);
        }
        for (uint32_t taken; (taken = atomic_load(&many->taken)) < round * count;) {
            floor_wait_change(&many->taken, taken);
        }
        many->us = (double)(lode_now_ns() - start) / 1e3;
    }
}

static struct ends
pair(void)
{
    int fd[2];
    LODE_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0);
    return (struct ends){fd[0], fd[1]};
}

double
floor_tasks_many(int count)
{
    size_t bytes = (size_t)count * RESULT_BYTES, size = sizeof(struct many) + 2 * bytes;
    struct many *many = floor_shared(size);
    many->count = count;
    many->ring = (char *)(many + 1);
    many->table = many->ring + bytes;
    many->calls = pair();
    many->orders = pair();
    many->dones = pair();
    pid_t others[] = {floor_child(store_many, many), floor_child(dispatch_many, many),
                      floor_child(hear_of_ends, many), floor_child(work_many, many)};
    pid_t client = floor_child(submit_many, many);
    int status;
    LODE_ASSERT(waitpid(client, &status, 0) == client);
    LODE_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    double rate = count / many->us * 1e6;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        floor_end_child(others[i]);
    }
    const struct ends all[] = {many->calls, many->orders, many->dones};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        close(all[i].one);
        close(all[i].other);
    }
    munmap(many, size);
    return rate;
}
