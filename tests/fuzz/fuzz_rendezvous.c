/*
 * What visitors of the scheduler's rendezvous may say: connections, hellos right and wrong, packets
 * and pipes after the hello, ends at any moment, and first records on their links.
 *
 * ctest: replay 20000
 */
#include "tests/fuzz/scheduler_world.h"

static void
run(struct fuzz_input *input)
{
    uint8_t op = fuzz_u8(input), peer = op / 8 % PEERS, bytes[128];
    struct lode_task_worker ready;
    uint8_t what;
    size_t size;
    switch (op % 8) {
    case 0:
        peer_connect(peer);
        break;
    case 1:
        peer_connect(peer);
        size = fuzz_u8(input) % 4;
        what = fuzz_u8(input);
        peer_hello(peer, LODE_ROLE_PROGRAM, (uint32_t)size, what % 4, what / 4 % 4);
        break;
    case 2:
        peer_connect(peer);
        size = fuzz_u8(input) % 4;
        what = fuzz_u8(input);
        peer_hello(peer, LODE_ROLE_WORKER, (uint32_t)size, what % 4, what / 4 % 4);
        break;
    case 3:
        what = fuzz_u8(input);
        size = what % 64;
        if (what & 0x80) {
            close(peer_pipe(peer, what >> 4 & 3, what));
            break;
        }
        fuzz_bytes(input, bytes, size);
        peer_send(peer, bytes, size);
        break;
    case 4:
        peer_close(peer);
        break;
    case 5:
        ready = (struct lode_task_worker){.task = fuzz_u8(input) % 4};
        link_brings(peer, LODE_TASK_READY, &ready, sizeof ready);
        break;
    case 6:
        size = fuzz_u8(input) % sizeof bytes;
        uint8_t type = fuzz_u8(input);
        fuzz_bytes(input, bytes, size);
        link_brings(peer, type, bytes, (uint32_t)size);
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
    return 0;
}

void
fuzz_seeds(fuzz_seed_fn seed, void *arg)
{
    struct lode_rendezvous_hello hello = {
        .magic = LODE_RENDEZVOUS_MAGIC, .major = LODE_RENDEZVOUS_MAJOR, .role = LODE_ROLE_PROGRAM};
    struct fuzz_text text = {.size = 0};
    /* Sessions whose number at the store is 0; several of one number; a second hello. */
    for (uint8_t peer = 0; peer < PEERS; peer++) {
        fuzz_say(&text, peer * 8 + 1, 0, peer / 3, 7);
    }
    fuzz_say(&text, 1, 0, 0, 7, 4, 7, 12, 7, 20, 28, 7, 1, 0, 0, 7);
    seed(arg, text.bytes, text.size);
    text.size = 0;
    fuzz_say(&text, 0, 3, sizeof hello);
    fuzz_add(&text, &hello, sizeof hello);
    fuzz_say(&text, 7, 8, 11, 3, 1, 2, 3, 7, 16, 7, 24, 4, 7);
    seed(arg, text.bytes, text.size);
    /* A worker sends pipes, and what is none; a program sends one. */
    text.size = 0;
    fuzz_say(&text, 2, 1, 1, 7, 3, 0x91, 7, 3, 0xa1, 7, 3, 0x80, 7, 3, 0x85, 7, 3, 0x92, 7);
    fuzz_say(&text, 9, 1, 2 + 4, 7, 11, 0x81, 7, 18, 2, 3, 7, 19, 0x99, 7);
    seed(arg, text.bytes, text.size);
    text.size = 0;
    fuzz_say(&text, 2, 1, 1, 10, 1, 2, 7, 5, 1, 13, 2, 7, 6, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7, 4, 7);
    seed(arg, text.bytes, text.size);
}
