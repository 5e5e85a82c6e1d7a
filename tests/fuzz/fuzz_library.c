/*
 * The table of a task library, as a worker reads it, and what the worker says of it, as the
 * scheduler reads that. Strings end and the table ends; all the rest of it is the library's word.
 *
 * ctest: replay 100000
 */
#include "scheduler/core/core.h"
#include "tests/fuzz/fuzz.h"

#include "worker/libraries/library.c"
#include "worker/libraries/signature.h"

enum { FUNCTIONS = 8, TEXT = 160 };

static lode_err
no_function(lode_task *task)
{
    (void)task;
    return LODE_OK;
}

/* One of the strings of a table: its length and bytes by the input; some are NULL. */
static char *
make_text(struct fuzz_input *input, uint8_t shape)
{
    size_t size = fuzz_u8(input) % TEXT;
    char *text = malloc(size + 1);
    fuzz_expect(text != NULL);
    fuzz_bytes(input, text, size);
    text[size] = '\0';
    if (shape % 16 == 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* What a worker tells must be what its table says. */
static void
check_description(const lode_library *table)
{
    struct library library = {.path = (char *)(uintptr_t) "/x.so", .table = table};
    void *bytes;
    size_t size, at = strlen(table->name) + 1;
    const lode_function *found;
    fuzz_expect(library_describe(&library, &bytes, &size) == LODE_OK);
    fuzz_expect(memcmp(bytes, table->name, at) == 0);
    for (uint32_t i = 0; table->functions != NULL && function_at(table, i)->name != NULL; i++) {
        const lode_function *function = function_at(table, i);
        fuzz_expect(strcmp((char *)bytes + at, function->name) == 0);
        at += strlen(function->name) + 1;
        fuzz_expect(strcmp((char *)bytes + at, signature_of(function)) == 0);
        at += strlen(signature_of(function)) + 1 + sizeof(uint32_t);
        fuzz_expect(library_function(&library, function->name, &found) == LODE_OK);
        fuzz_expect(signature_arguments(found->signature) >= SIGNATURE_ANY);
    }
    fuzz_expect(at == size);
    free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    uint8_t shape = fuzz_u8(&input), count = fuzz_u8(&input) % FUNCTIONS;
    size_t stride = sizeof(lode_function) + (shape & 1 ? fuzz_u8(&input) : 0);
    uint8_t *functions = calloc(count + 1u, stride);
    fuzz_expect(functions != NULL);
    lode_library table = {.abi_major = LODE_LIBRARY_MAJOR + (shape & 2 ? fuzz_u8(&input) : 0),
                          .library_size = (uint32_t)sizeof(lode_library) + (shape & 4 ? 8 : 0),
                          .function_size = (uint32_t)stride,
                          .class_size = shape & 8 ? fuzz_u8(&input) : (uint32_t)sizeof(lode_class),
                          .method_size = (uint32_t)sizeof(lode_method),
                          .name = make_text(&input, shape >> 4),
                          .functions = (void *)functions};
    for (uint32_t i = 0; i < count; i++) {
        uint8_t kind = fuzz_u8(&input);
        lode_function function = {.name = make_text(&input, 1),
                                  .call = kind & 1 ? no_function : NULL,
                                  .signature = make_text(&input, kind >> 4),
                                  .results = kind & 2 ? (int32_t)fuzz_u32(&input) : kind >> 2};
        memcpy(functions + i * stride, &function, sizeof function);
    }
    if (check_table("/x.so", &table) == LODE_OK) {
        check_description(&table);
    }
    for (uint32_t i = 0; i < count; i++) {
        lode_function function;
        memcpy(&function, functions + i * stride, sizeof function);
        free((void *)(uintptr_t)function.name);
        free((void *)(uintptr_t)function.signature);
    }
    free((void *)(uintptr_t)table.name);
    free(functions);
    return 0;
}

void
fuzz_seeds(fuzz_seed_fn seed, void *arg)
{
    struct fuzz_text text = {.size = 0};
    fuzz_say(&text, 0x10, 2, 3, 'l', 'i', 'b', 0x15, 1, 'f', 2, '(', ')', 0x19, 1, 'g', 0);
    seed(arg, text.bytes, text.size);
    text.size = 0;
    fuzz_say(&text, 0x15, 1, 8, 3, 'l', 'i', 'b', 0x13, 1, 'f', 0, 1, 0, 0, 0);
    seed(arg, text.bytes, text.size);
}
