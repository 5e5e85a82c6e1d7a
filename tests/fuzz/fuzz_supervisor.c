/*
 * What the supervisor, and the workers that it started, may say to the scheduler: packets of any
 * kind with any descriptors, output, shared pages with anything in them, sessions of workers.
 *
 * ctest: replay 20000
 */
#include "tests/fuzz/scheduler_world.h"

/* The writing end of the pipe of the last SPAWNED, or of the last that a worker has sent. */
static int pipe_in = -1;

enum { OUR_OWN = 255 }; /* the pid of the peers */

static void
keep_pipe(int fd)
{
    if (pipe_in >= 0) {
        close(pipe_in);
    }
    pipe_in = fd;
}

static void
send_packet_with(const void *packet, size_t size, const int *fds, size_t count)
{
    if (!supervisor_is_lost) {
        (void)!lode_socket_send(supervisor_fd, packet, size, NULL, 0, fds, count);
    }
}

/* With a pidfd and a pipe, or what there is of them. */
static void
say_packet(struct fuzz_input *input)
{
    struct lode_supervisor_packet packet = {
        .type = fuzz_u8(input) % 8, .worker = fuzz_u8(input) % 8, .pid = fuzz_u8(input)};
    uint8_t shape = fuzz_u8(input);
    int fds[2], ends[2];
    packet.pid = packet.pid == OUR_OWN ? getpid() : packet.pid;
    packet.err = shape & 4 ? shape >> 3 : 0;
    packet.status = shape & 8 ? 9 : shape;
    fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    fuzz_expect(fds[0] >= 0 && pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    fds[1] = ends[0];
    send_packet_with(&packet, sizeof packet, fds, (shape & 3) % 3);
    close(fds[0]);
    close(ends[0]);
    keep_pipe(ends[1]);
}

static void
write_page(struct fuzz_input *input)
{
    struct pool_worker *worker = find_worker(workers, fuzz_u8(input) % 8);
    uint16_t at = fuzz_u16(input) % (LODE_WORKER_PAGE_BYTES + 4096);
    uint8_t bytes[64];
    fuzz_bytes(input, bytes, sizeof bytes);
    if (worker != NULL) {
        memcpy((uint8_t *)worker->page + at, bytes, sizeof bytes);
    }
}

static void
write_output(struct fuzz_input *input)
{
    char bytes[512];
    size_t size = fuzz_u16(input) % sizeof bytes;
    uint8_t times = fuzz_u8(input) % 64;
    fuzz_bytes(input, bytes, size);
    for (int i = 0; pipe_in >= 0 && i <= times; i++) {
        (void)!write(pipe_in, bytes, size);
    }
}

static void
run(struct fuzz_input *input)
{
    uint8_t op = fuzz_u8(input), peer = op / 8 % PEERS, bytes[128], what;
    struct lode_task_worker ready;
    struct core_event timer = {.type = CORE_TIMER};
    size_t size;
    switch (op % 8) {
    case 0:
    case 1:
        say_packet(input);
        break;
    case 2:
        what = fuzz_u8(input);
        size = what % sizeof bytes;
        if (what & 0x80) {
            keep_pipe(peer_pipe(peer, what >> 4 & 7, what));
            break;
        }
        fuzz_bytes(input, bytes, size);
        if (size > 0) { /* an empty packet is taken for the supervisor's end, which it may be */
            send_packet_with(bytes, size, NULL, 0);
        }
        break;
    case 3:
        write_page(input);
        break;
    case 4:
        write_output(input);
        break;
    case 5:
        peer_connect(peer);
        peer_hello(peer, LODE_ROLE_WORKER, fuzz_u8(input) % 8, fuzz_u8(input) % 8 + 1, 0);
        world_settle();
        ready = (struct lode_task_worker){.task = 0};
        link_brings(peer, LODE_TASK_READY, &ready, sizeof ready);
        break;
    case 6:
        peer_close(peer);
        drive_step(drive, &timer);
        break;
    default:
        world_settle();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct fuzz_world world = {world_begin, run, world_settle, world_end};
    fuzz_play(&world, bytes, size);
    keep_pipe(-1);
    return 0;
}

enum { PACKET = 0, RAW = 2, PAGE, OUTPUT, HELLO, CLOSE, SETTLE };

void
fuzz_seeds(fuzz_seed_fn seed, void *arg)
{
    struct fuzz_text text = {.size = 0};
    const struct lode_supervisor_packet packet = {
        .type = LODE_SUPERVISOR_EXITED, .worker = 1, .status = 9};
    /* Two workers come up, say hello, write lines, and one dies. */
    fuzz_say(&text, PACKET, LODE_SUPERVISOR_SPAWNED, 1, 50, 2, PACKET, LODE_SUPERVISOR_SPAWNED, 2,
             51, 2, SETTLE, HELLO, 1, 1, 1, HELLO + 8, 2, 2, 2, SETTLE);
    fuzz_say(&text, OUTPUT, 6, 0, 3, 'h', 'e', 'l', 'l', 'o', '\n', SETTLE);
    fuzz_say(&text, PACKET, LODE_SUPERVISOR_EXITED, 2, 51, 8, SETTLE, CLOSE + 8, SETTLE);
    seed(arg, text.bytes, text.size);
    /* One changes over to other programs, writes into each pipe, and sends what is no pipe. */
    text.size = 0;
    fuzz_say(&text, PACKET, LODE_SUPERVISOR_SPAWNED, 1, OUR_OWN, 2, HELLO, 1, 1, SETTLE);
    for (uint8_t program = 0; program < 12; program++) {
        fuzz_say(&text, RAW, 0x81 | (program & 7) << 4, SETTLE, OUTPUT, 4, 0, 1, 'a', '\n', 'b',
                 'c', SETTLE);
    }
    fuzz_say(&text, RAW, 0x85, SETTLE, RAW, 0x80, SETTLE, PAGE, 1, 44, 0, 1, OUTPUT, 1, 0, 0, 'x',
             SETTLE, PACKET, LODE_SUPERVISOR_EXITED, 1, OUR_OWN, 8, SETTLE);
    seed(arg, text.bytes, text.size);
    /* One cannot be started; one ends before it was said to be started; a page full of noise. */
    text.size = 0;
    fuzz_say(&text, PACKET, LODE_SUPERVISOR_SPAWNED, 1, 0, 12, SETTLE);
    fuzz_say(&text, PAGE, 2, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, PACKET, LODE_SUPERVISOR_EXITED, 2, 0, 1,
             SETTLE);
    fuzz_say(&text, RAW, sizeof packet);
    fuzz_add(&text, &packet, sizeof packet);
    fuzz_say(&text, SETTLE);
    seed(arg, text.bytes, text.size);
}
