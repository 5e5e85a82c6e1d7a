/* .npy headers: what numpy writes is read, what lode writes numpy reads, and rubbish is refused. */
#include "tests/support/check.h"
#include "tools/npy/npy_io.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

TestSuite(npy, .timeout = 300);

static char header[1 << 17];

/* A header of that version around the dict, padded as numpy does; gives its length. */
static size_t
make(int version, const char *dict)
{
    size_t prefix = version == 1 ? 10 : 12;
    size_t size = (prefix + strlen(dict) + 1 + 63) / 64 * 64;
    memset(header, ' ', size);
    memcpy(header, "\x93NUMPY", 6);
    header[6] = (char)version;
    header[7] = 0;
    uint32_t length = (uint32_t)(size - prefix);
    memcpy(header + 8, &length, prefix - 8);
    memcpy(header + prefix, dict, strlen(dict));
    header[size - 1] = '\n';
    return size;
}

static struct npy
parsed(int version, const char *dict)
{
    struct npy npy;
    size_t size = make(version, dict);
    must(npy_parse(header, size, &npy));
    expect_eq(npy.header_bytes, size);
    return npy;
}

static void
refused(const char *dict, lode_err want, const char *why)
{
    struct npy npy = {.data_bytes = 4711};
    fails(npy_parse(header, make(1, dict), &npy), want);
    expect_text(lode_last_error(), why);
    expect_eq(npy.data_bytes, 4711);
}

Test(npy, reads_what_numpy_writes)
{
    for (int version = 1; version <= 3; version++) {
        struct npy npy =
            parsed(version, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }");
        expect_eq(npy.array.dtype, LODE_F64);
        expect_eq(npy.array.ndim, 2);
        expect_eq(npy.array.shape[0], 3);
        expect_eq(npy.array.shape[1], 4);
        expect_eq(npy.array.strides[0], 4);
        expect_eq(npy.array.strides[1], 1);
        expect_eq(npy.data_bytes, 96);
    }
}

Test(npy, reads_every_type)
{
    static const struct {
        const char *descr;
        lode_dtype dtype;
    } types[] = {{"|b1", LODE_BOOL}, {"|i1", LODE_I8},    {"<i2", LODE_I16}, {"<i4", LODE_I32},
                 {"<i8", LODE_I64},  {"|u1", LODE_U8},    {"<u2", LODE_U16}, {"<u4", LODE_U32},
                 {"<u8", LODE_U64},  {"<f2", LODE_F16},   {"<f4", LODE_F32}, {"=f8", LODE_F64},
                 {"<c8", LODE_C64},  {"<c16", LODE_C128}, {">u1", LODE_U8},  {"f8", LODE_F64}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char dict[128];
        snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': (5,), }",
                 types[i].descr);
        struct npy npy = parsed(1, dict);
        expect_eq(npy.array.dtype, types[i].dtype);
        expect_eq(npy.data_bytes, 5 * lode_dtype_size(types[i].dtype));
    }
}

Test(npy, a_scalar_has_no_axes_and_one_element)
{
    struct npy npy = parsed(1, "{'descr': '<i4', 'fortran_order': False, 'shape': (), }");
    expect_eq(npy.array.ndim, 0);
    expect_eq(npy.data_bytes, 4);
}

Test(npy, an_array_without_elements_is_read)
{
    struct npy npy = parsed(1, "{'descr': '<i4', 'fortran_order': True, 'shape': (3, 0, 2), }");
    expect_eq(npy.array.ndim, 3);
    expect_eq(npy.data_bytes, 0);
}

Test(npy, fortran_order_is_strides)
{
    struct npy npy = parsed(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4, 5), }");
    expect_eq(npy.array.strides[0], 1);
    expect_eq(npy.array.strides[1], 3);
    expect_eq(npy.array.strides[2], 12);
    expect_eq(npy.data_bytes, 240);
    expect(npy_is_fortran(&npy.array));
}

Test(npy, other_writers_headers_are_read)
{
    (void)parsed(1, "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f8\"}");
    (void)parsed(1, " { 'shape' : ( 2 , 3 , ) , 'fortran_order':True,'descr':'<f8' , } ");
    struct npy npy = parsed(1, "{'descr': '<i8', 'fortran_order': False, 'shape': (10L, 2L), }");
    expect_eq(npy.data_bytes, 160);
}

Test(npy, what_is_no_npy_file_is_said)
{
    struct npy npy;
    fails(npy_parse("PK\3\4 not numpy", 14, &npy), LODE_ECORRUPT);
    expect_text(lode_last_error(), "NUMPY");
    fails(npy_parse("", 0, &npy), LODE_ECORRUPT);
    fails(npy_parse("\x93NUMPY\1", 7, &npy), LODE_ECORRUPT);
    expect_text(lode_last_error(), "ends after 7 bytes");
}

Test(npy, an_unknown_version_is_said)
{
    struct npy npy;
    size_t size = make(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }");
    header[6] = 4;
    fails(npy_parse(header, size, &npy), LODE_EUNSUPPORTED);
    expect_text(lode_last_error(), "4.0");
}

Test(npy, a_header_that_ends_early_is_damaged_at_every_length)
{
    struct npy npy;
    size_t size = make(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }");
    for (size_t n = 0; n < size; n++) {
        char *exact = malloc(n + 1);
        memcpy(exact, header, n);
        fails(npy_parse(exact, n, &npy), LODE_ECORRUPT);
        free(exact);
    }
}

Test(npy, a_header_of_gigabytes_is_refused_before_memory_is_asked_for)
{
    size_t size;
    (void)make(2, "{}");
    memset(header + 8, 0xff, 4);
    fails(npy_header_size(header, NPY_PREFIX, &size), LODE_ECORRUPT);
    expect_text(lode_last_error(), "4294967307");
}

static void
turned_is(const char *type, const char *bytes, size_t size, const char *want)
{
    char dict[128], data[16];
    struct npy npy;
    snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': (1,), }", type);
    size_t header_size = make(1, dict);
    must(npy_parse(header, header_size, &npy));
    expect_eq(npy.data_bytes, size);
    memcpy(data, bytes, size);
    npy_turn(&npy, data);
    expect_eq(memcmp(data, want, size), 0);
}

Test(npy, numbers_in_the_other_byte_order_are_turned)
{
    turned_is(">f8", "abcdefgh", 8, "hgfedcba");
    turned_is(">i2", "ab", 2, "ba");
    turned_is(">c8", "abcdefgh", 8, "dcbahgfe"); /* each of its two numbers */
    turned_is(">c16", "abcdefghABCDEFGH", 16, "hgfedcbaHGFEDCBA");
    turned_is(">u1", "a", 1, "a");
    turned_is("<f8", "abcdefgh", 8, "abcdefgh");
    turned_is("=i4", "abcd", 4, "abcd");
}

Test(npy, a_header_of_python_2_is_read)
{
    struct npy npy;
    size_t size = make(1, "{u'descr': u'<f8', u'fortran_order': False, u'shape': (3L, 4L), }");
    must(npy_parse(header, size, &npy));
    expect_eq(npy.array.ndim, 2);
    expect_eq(npy.array.shape[1], 4);
}

Test(npy, types_that_lode_has_not_are_named)
{
    refused("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", LODE_EUNSUPPORTED, "'|O'");
    refused("{'descr': '<U5', 'fortran_order': False, 'shape': (3,), }", LODE_EUNSUPPORTED,
            "'<U5'");
    refused("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,), }", LODE_EUNSUPPORTED,
            "records");
    refused("{'descr': '<f16', 'fortran_order': False, 'shape': (3,), }", LODE_EUNSUPPORTED,
            "'<f16'");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }",
            LODE_EUNSUPPORTED, "more than 8 axes");
}

Test(npy, a_damaged_dict_is_refused)
{
    static const char *const damaged[] = {
        "",
        "{",
        "{}",
        "[1, 2]",
        "{'descr': '<f8', 'fortran_order': False}",
        "{'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f8', 'shape': (3,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3 4)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3,,4)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-3,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3.0,)}",
        "{'descr': '<f8', 'fortran_order': 0, 'shape': (3,)}",
        "{'descr': '<f8', 'fortran_order': False 'shape': (3,)}",
        "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), 'more': 1}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3,)} x",
        "{'descr: '<f8', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<f8",
    };
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        refused(damaged[i], LODE_ECORRUPT, "header is damaged");
    }
    refused("{'descr': '<f8', 'fortran_order': True, 'shape': (4611686018427387904, 2)}",
            LODE_ECORRUPT, "impossible");
    refused("{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 9)}",
            LODE_ECORRUPT, "impossible");
    refused("{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296, 0)}",
            LODE_ECORRUPT, "impossible");
}

static uint64_t random_state = 1;

static uint64_t
draw(uint64_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % below;
}

/* Whatever comes in, what comes out is an array or an error. */
Test(npy, survives_any_bytes)
{
    static const char letters[] = "{}()[],:'\"0123456789<|>fFubcTrueals \\\n";
    size_t read = 0;
    for (int i = 0; i < 300000; i++) {
        struct npy npy;
        size_t bytes, size = make(1 + (int)draw(3),
                                  "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 40), }");
        for (uint64_t changes = draw(4) + 1; changes > 0; changes--) {
            size_t at = draw(4) == 0 ? draw(size) : 10 + draw(60);
            header[at] = draw(3) == 0 ? (char)draw(256) : letters[draw(sizeof letters - 1)];
        }
        size = draw(4) == 0 ? draw(size) : size;
        char *exact = malloc(size + 1);
        memcpy(exact, header, size);
        lode_err err = npy_parse(exact, size, &npy);
        if (err == LODE_OK) {
            must(lode_array_size(&npy.array, &bytes));
            expect_eq(bytes, npy.data_bytes);
            expect_le(npy.header_bytes, size);
            read++;
        } else {
            expect(err == LODE_ECORRUPT || err == LODE_EUNSUPPORTED);
        }
        free(exact);
    }
    expect_lt(1000, read);
}

/* ---- writing --------------------------------------------------------------------------------- */

Test(npy, writes_byte_for_byte_what_numpy_writes)
{
    char out[NPY_WRITE_MAX];
    size_t size = 0;
    lode_array a = {.dtype = LODE_F64, .ndim = 2, .shape = {3, 4}};
    must(npy_format(&a, out, &size));
    expect_eq(size, make(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }"));
    expect_eq(memcmp(out, header, size), 0);
    a = (lode_array){.dtype = LODE_BOOL, .ndim = 1, .shape = {7}};
    must(npy_format(&a, out, &size));
    expect_eq(size, make(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (7,), }"));
    expect_eq(memcmp(out, header, size), 0);
    a = (lode_array){.dtype = LODE_C128};
    must(npy_format(&a, out, &size));
    expect_eq(size, make(1, "{'descr': '<c16', 'fortran_order': False, 'shape': (), }"));
    expect_eq(memcmp(out, header, size), 0);
}

Test(npy, the_longest_header_fits_and_comes_back)
{
    char out[NPY_WRITE_MAX];
    size_t size;
    struct npy npy;
    lode_array a = {.dtype = LODE_C128, .ndim = LODE_MAX_NDIM};
    for (int i = 0; i < LODE_MAX_NDIM; i++) {
        a.shape[i] = i == 0 ? 1000000000000000000 / 16 : 1;
    }
    must(npy_format(&a, out, &size));
    expect_le(size, NPY_WRITE_MAX);
    expect_eq(size % 64, 0);
    must(npy_parse(out, size, &npy));
    expect_eq(npy.array.shape[0], 1000000000000000000 / 16);
}

Test(npy, types_that_npy_has_not_are_refused_with_a_way_out)
{
    static const lode_dtype types[] = {LODE_BF16, LODE_F8_E4M3, LODE_F8_E5M2};
    for (int i = 0; i < 3; i++) {
        char out[NPY_WRITE_MAX];
        size_t size;
        lode_array a = {.dtype = types[i], .ndim = 1, .shape = {4}};
        fails(npy_format(&a, out, &size), LODE_EUNSUPPORTED);
        expect_text(lode_last_error(), lode_dtype_name(types[i]));
        expect_text(lode_last_error(), "raw bytes");
    }
}

/* Writes the array to a file in memory and reads header and elements again. */
static struct npy
through_file(const lode_array *array, const void *data, void *back, size_t room)
{
    struct npy npy;
    char first[3];
    int fd = memfd_create("npy", MFD_CLOEXEC);
    must(npy_write(fd, array, data));
    expect_eq(lseek(fd, 0, SEEK_SET), 0);
    expect_eq(read(fd, first, sizeof first), sizeof first);
    must(npy_read_header(fd, first, sizeof first, &npy));
    expect_eq(lseek(fd, 0, SEEK_CUR), npy.header_bytes);
    expect_le(npy.data_bytes, room);
    must(npy_read(fd, back, npy.data_bytes, npy.header_bytes));
    expect_eq(read(fd, first, 1), 0);
    close(fd);
    return npy;
}

Test(npy, elements_go_out_and_in_unchanged)
{
    int32_t data[24], back[24];
    for (int i = 0; i < 24; i++) {
        data[i] = i * i;
    }
    lode_array c = {.dtype = LODE_I32, .ndim = 3, .shape = {2, 3, 4}};
    struct npy npy = through_file(&c, data, back, sizeof back);
    expect_eq(memcmp(data, back, sizeof data), 0);
    expect(lode_array_is_contiguous(&npy.array));

    lode_array f = {.dtype = LODE_I32, .ndim = 3, .shape = {2, 3, 4}, .strides = {1, 2, 6}};
    npy = through_file(&f, data, back, sizeof back);
    expect_eq(memcmp(data, back, sizeof data), 0);
    expect_eq(memcmp(npy.array.strides, f.strides, sizeof f.strides), 0);
}

Test(npy, gaps_and_repeats_are_gathered_in_c_order)
{
    int16_t data[40], back[20];
    for (int i = 0; i < 40; i++) {
        data[i] = (int16_t)i;
    }
    /* Every second column of 5 x 8. */
    lode_array gaps = {.dtype = LODE_I16, .ndim = 2, .shape = {5, 4}, .strides = {8, 2}};
    struct npy npy = through_file(&gaps, data, back, sizeof back);
    expect_eq(npy.data_bytes, sizeof back);
    for (int i = 0; i < 20; i++) {
        expect_eq(back[i], i / 4 * 8 + i % 4 * 2);
    }
    lode_array rows = {.dtype = LODE_I16, .ndim = 2, .shape = {4, 3}, .strides = {0, 1}};
    npy = through_file(&rows, data, back, sizeof back);
    expect_eq(npy.data_bytes, 12 * sizeof *back);
    for (int i = 0; i < 12; i++) {
        expect_eq(back[i], i % 3);
    }
}

Test(npy, a_large_strided_array_is_gathered_in_pieces)
{
    enum { N = 1500 };
    double *data = malloc(sizeof(double) * N * N), *back = malloc(sizeof(double) * N * N);
    for (int i = 0; i < N * N; i++) {
        data[i] = i;
    }
    lode_array a = {.dtype = LODE_F64, .ndim = 3, .shape = {N, 1, N - 1}, .strides = {N, 7, 1}};
    (void)through_file(&a, data, back, sizeof(double) * N * N);
    for (int i = 0; i < N; i++) {
        expect_eq(
            memcmp(back + (size_t)i * (N - 1), data + (size_t)i * N, sizeof(double) * (N - 1)), 0);
    }
    free(data);
    free(back);
}

Test(npy, a_file_that_ends_in_its_elements_is_damaged)
{
    char bytes[100];
    int ends[2];
    expect_eq(pipe(ends), 0);
    expect_eq(write(ends[1], "abc", 3), 3);
    close(ends[1]);
    fails(npy_read(ends[0], bytes, sizeof bytes, 128), LODE_ECORRUPT);
    expect_text(lode_last_error(), "ends after 131 of 228 bytes");
    close(ends[0]);
}
