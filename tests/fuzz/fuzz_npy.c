/*
 * The header of a .npy file.
 *
 * ctest: replay 100000
 */
#include "tests/fuzz/fuzz.h"
#include "tools/npy/npy.h"

/* What was read can be written, and reads as the same again. */
static void
check_round(const struct npy *npy)
{
    char header[NPY_WRITE_MAX];
    size_t size, bytes;
    struct npy again;
    fuzz_expect(lode_array_size(&npy->array, &bytes) == LODE_OK && bytes == npy->data_bytes);
    fuzz_expect(npy_format(&npy->array, header, &size) == LODE_OK);
    fuzz_expect(size <= sizeof header && size % 64 == 0);
    fuzz_expect(npy_parse(header, size, &again) == LODE_OK);
    fuzz_expect(again.header_bytes == size && again.data_bytes == npy->data_bytes);
    fuzz_expect(again.array.dtype == npy->array.dtype && again.array.ndim == npy->array.ndim);
    fuzz_expect(memcmp(again.array.shape, npy->array.shape,
                       npy->array.ndim * sizeof npy->array.shape[0]) == 0);
    fuzz_expect(npy_is_fortran(&again.array) == npy_is_fortran(&npy->array));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    size_t header;
    struct npy npy;
    (void)npy_is(bytes, size);
    if (npy_header_size(bytes, size, &header) == LODE_OK) {
        fuzz_expect(header <= NPY_HEADER_MAX);
    }
    if (npy_parse(bytes, size, &npy) == LODE_OK) {
        fuzz_expect(npy.header_bytes <= size);
        check_round(&npy);
    }
    return 0;
}

static void
seed_text(fuzz_seed_fn seed, void *arg, char version, const char *dict)
{
    uint8_t file[1024] = "\x93NUMPY";
    size_t head = version == 1 ? 10 : 12, length = strlen(dict);
    file[6] = (uint8_t)version;
    file[8] = (uint8_t)length;
    memcpy(file + head, dict, length);
    seed(arg, file, head + length);
}

void
fuzz_seeds(fuzz_seed_fn seed, void *arg)
{
    static const char *const dict[] = {
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }   \n",
        "{'descr': '|u1', 'fortran_order': True, 'shape': (7,), }\n",
        "{\"shape\": (), 'descr': \"<c16\", 'fortran_order': False}\n",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (1,2,3,4,5,6,7,8), }\n",
        "{'descr': '>f4', 'fortran_order': False, 'shape': (0, 5), }\n",
        "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (4611686018427387904, 0), }\n",
        "{'descr': '|b1', 'fortran_order': False, 'shape': (9223372036854775807,), }\n",
    };
    for (size_t i = 0; i < sizeof dict / sizeof dict[0]; i++) {
        seed_text(seed, arg, 1, dict[i]);
        seed_text(seed, arg, (char)(2 + i % 2), dict[i]);
    }
}
