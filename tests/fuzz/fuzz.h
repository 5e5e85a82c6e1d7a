/*
 * fuzz.h: what a fuzz target is: a file that defines the two functions below. libFuzzer drives it
 * in the clang tree. replay.c drives it in every tree, with the seeds, with what was ever found
 * (found/NAME/…), and with a number of mutations of both.
 *
 * A target takes any bytes. A crash, a failed check or a sanitizer's word is a finding: the cause
 * is mended, and the input is kept as found/NAME/what_it_showed.hex.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs one input to its end and checks what must hold then. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Calls `seed` for each input that a run may start from: well-formed ones, that reach far. */
typedef void (*fuzz_seed_fn)(void *arg, const void *bytes, size_t size);
void fuzz_seeds(fuzz_seed_fn seed, void *arg);

/* True, or the process ends: what a target must find to be so. Stays on in release builds. */
#define fuzz_expect(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* For targets whose subject logs: in place of liblode's, says nothing. */
#define FUZZ_QUIET                                                                                 \
    void lode_log(const char *id, const char *format, ...)                                         \
    {                                                                                              \
        (void)id;                                                                                  \
        (void)format;                                                                              \
    }                                                                                              \
    void lode_log_plain(const char *format, ...)                                                   \
    {                                                                                              \
        (void)format;                                                                              \
    }

/* ---- a world ---- */

struct fuzz_input;

/*
 * What a target plays with is made, one step after the other is read from the input, and it ends.
 */
struct fuzz_world {
    void (*begin)(void), (*run)(struct fuzz_input *input), (*settle)(void), (*end)(void);
};

/* ---- reading an input as a program: what is missing at its end reads as zeros ---- */

struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

static inline void
fuzz_play(const struct fuzz_world *world, const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    world->begin();
    while (input.left > 0) {
        world->run(&input);
    }
    world->settle();
    world->end();
}

static inline void
fuzz_bytes(struct fuzz_input *input, void *out, size_t size)
{
    size_t have = size < input->left ? size : input->left;
    memset(out, 0, size);
    if (have > 0) {
        memcpy(out, input->at, have);
    }
    input->at += have;
    input->left -= have;
}

static inline uint8_t
fuzz_u8(struct fuzz_input *input)
{
    uint8_t value;
    fuzz_bytes(input, &value, sizeof value);
    return value;
}

static inline uint16_t
fuzz_u16(struct fuzz_input *input)
{
    uint16_t value;
    fuzz_bytes(input, &value, sizeof value);
    return value;
}

static inline uint32_t
fuzz_u32(struct fuzz_input *input)
{
    uint32_t value;
    fuzz_bytes(input, &value, sizeof value);
    return value;
}

static inline uint64_t
fuzz_u64(struct fuzz_input *input)
{
    uint64_t value;
    fuzz_bytes(input, &value, sizeof value);
    return value;
}

/* ---- writing one: for seeds ---- */

struct fuzz_text {
    uint8_t bytes[4096];
    size_t size;
};

static inline void
fuzz_add(struct fuzz_text *text, const void *bytes, size_t size)
{
    if (size <= sizeof text->bytes - text->size) {
        memcpy(text->bytes + text->size, bytes, size);
        text->size += size;
    }
}

#define fuzz_say(text, ...)                                                                        \
    do {                                                                                           \
        const uint8_t said[] = {__VA_ARGS__};                                                      \
        fuzz_add((text), said, sizeof said);                                                       \
    } while (0)

/* A copy that ends where the allocation ends: the address sanitizer sees a read behind it. */
static inline void *
fuzz_copy(const void *bytes, size_t size)
{
    void *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        abort();
    }
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

#endif
