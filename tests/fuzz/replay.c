/*
 * replay.c: drives a fuzz target without libFuzzer.
 *
 *   NAME [COUNT]       the seeds, every found input, then COUNT mutations of them, always the same
 *   NAME write DIR     writes seeds and found inputs as files: libFuzzer's first corpus
 *   NAME hex FILE      prints a file as found/NAME/… wants it
 *   NAME run FILE…     runs these files: what libFuzzer left behind
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>

enum { INPUT_MAX = 1 << 16, INPUTS_MAX = 1024 };

struct input {
    uint8_t *bytes;
    size_t size;
};

static struct input inputs[INPUTS_MAX];
static size_t input_count;

static void
add_input(void *arg, const void *bytes, size_t size)
{
    (void)arg;
    fuzz_expect(input_count < INPUTS_MAX);
    inputs[input_count++] = (struct input){fuzz_copy(bytes, size), size};
}

static FILE *
open_file(const char *path, const char *how)
{
    FILE *file = fopen(path, how);
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

/* Hex digits in pairs; what follows a # is a comment. */
static void
add_found(const char *path)
{
    uint8_t bytes[INPUT_MAX];
    size_t size = 0;
    char line[4096];
    FILE *file = open_file(path, "r");
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned byte;
        int used;
        line[strcspn(line, "#")] = '\0';
        for (const char *at = line; sscanf(at, " %2x%n", &byte, &used) == 1; at += used) {
            fuzz_expect(size < INPUT_MAX);
            bytes[size++] = (uint8_t)byte;
        }
    }
    fclose(file);
    fuzz_expect(size > 0);
    add_input(NULL, bytes, size);
}

static void
add_all(void)
{
    char path[4096];
    struct dirent *entry;
    fuzz_seeds(add_input, NULL);
    fuzz_expect(input_count > 0);
    DIR *dir = opendir(FUZZ_FOUND);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strstr(entry->d_name, ".hex") != NULL) {
            snprintf(path, sizeof path, "%s/%s", FUZZ_FOUND, entry->d_name);
            add_found(path);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

/* ---- mutations ---- */

static uint64_t chance_state = 0x9e3779b97f4a7c15;

static uint64_t
chance(uint64_t below)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return below == 0 ? 0 : chance_state % below;
}

static void
put_edge(uint8_t *bytes, size_t size)
{
    static const uint64_t edge[] = {0,
                                    1,
                                    7,
                                    0x7f,
                                    0x80,
                                    0xff,
                                    0xffff,
                                    0x7fffffff,
                                    0x80000000,
                                    0xffffffff,
                                    UINT64_MAX,
                                    INT64_MAX,
                                    UINT64_C(1) << 62};
    uint64_t value = edge[chance(sizeof edge / sizeof edge[0])];
    size_t width = (size_t)1 << chance(4);
    if (size >= width) {
        memcpy(bytes + chance(size - width + 1), &value, width);
    }
}

static size_t
mutate(uint8_t *bytes, size_t size)
{
    size_t at = chance(size + 1), count = chance(17);
    const struct input *other = &inputs[chance(input_count)];
    switch (chance(6)) {
    case 0:
        if (size > 0) {
            bytes[chance(size)] ^= (uint8_t)(1u << chance(8));
        }
        return size;
    case 1:
        if (size > 0) {
            bytes[chance(size)] = (uint8_t)chance(256);
        }
        return size;
    case 2:
        put_edge(bytes, size);
        return size;
    case 3: /* takes some out */
        count = count < size - at ? count : size - at;
        memmove(bytes + at, bytes + at + count, size - at - count);
        return size - count;
    case 4: /* says some twice */
        count = count < size - at ? count : size - at;
        count = count < INPUT_MAX - size ? count : INPUT_MAX - size;
        memmove(bytes + at + count, bytes + at, size - at);
        return size + count;
    default: /* goes on as another one */
        count = chance(other->size + 1);
        if (at + other->size - count > INPUT_MAX) {
            return size;
        }
        memcpy(bytes + at, other->bytes + count, other->size - count);
        return at + other->size - count;
    }
}

static void
run_mutations(long count)
{
    uint8_t *bytes = malloc(INPUT_MAX);
    fuzz_expect(bytes != NULL);
    for (long i = 0; i < count; i++) {
        const struct input *from = &inputs[chance(input_count)];
        size_t size = from->size;
        memcpy(bytes, from->bytes, size);
        for (uint64_t n = chance(6) + 1; n > 0; n--) {
            size = mutate(bytes, size);
        }
        uint8_t *copy = fuzz_copy(bytes, size);
        LLVMFuzzerTestOneInput(copy, size);
        free(copy);
    }
    free(bytes);
}

/* ---- files ---- */

static size_t
read_file(const char *path, uint8_t bytes[INPUT_MAX])
{
    FILE *file = open_file(path, "rb");
    size_t size = fread(bytes, 1, INPUT_MAX, file);
    fclose(file);
    return size;
}

static void
write_all(const char *dir)
{
    char path[4096];
    for (size_t i = 0; i < input_count; i++) {
        snprintf(path, sizeof path, "%s/seed-%03zu", dir, i);
        FILE *file = open_file(path, "wb");
        fwrite(inputs[i].bytes, 1, inputs[i].size, file);
        fclose(file);
    }
}

static void
print_hex(const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    size_t size = read_file(path, bytes);
    for (size_t i = 0; i < size; i++) {
        printf("%02x%c", bytes[i], i % 32 == 31 || i + 1 == size ? '\n' : ' ');
    }
}

static void
run_file(const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    size_t size = read_file(path, bytes);
    uint8_t *copy = fuzz_copy(bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

int
main(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[1], "hex") == 0) {
        print_hex(argv[2]);
        return 0;
    }
    if (argc >= 3 && strcmp(argv[1], "run") == 0) {
        for (int i = 2; i < argc; i++) {
            run_file(argv[i]);
        }
        return 0;
    }
    add_all();
    if (argc >= 3 && strcmp(argv[1], "write") == 0) {
        write_all(argv[2]);
        return 0;
    }
    for (size_t i = 0; i < input_count; i++) {
        LLVMFuzzerTestOneInput(inputs[i].bytes, inputs[i].size);
    }
    run_mutations(argc >= 2 ? atol(argv[1]) : 1000);
    for (size_t i = 0; i < input_count; i++) {
        free(inputs[i].bytes);
    }
    return 0;
}
