/*
 * npy.h: arrays in .npy files (NEP 1): the header of versions 1, 2 and 3 as a lode_array and back.
 * The elements are not touched on the way in: a file in Fortran order is an array with the strides
 * of Fortran order.
 *
 *   "\x93NUMPY" | major minor | length (2 bytes, from version 2 on 4) | a Python dict, ending in
 *   '\n', so that the elements begin at a multiple of 64
 *
 * A file is hostile input: whatever stands in it, the result is an array that lode_array_size()
 * accepts, or an error with a sentence. Types: bool, i1 … i8, u1 … u8, f2 f4 f8, c8 c16. Those that
 * lie in the other byte order are turned with npy_turn(). What numpy reads is read: headers that
 * Python 2 wrote, and files with something behind the elements.
 *
 * Reading and writing: npy_io.h. Threads: any. Errors of all calls: LODE_ECORRUPT the file is
 * damaged or is no .npy; LODE_EUNSUPPORTED it is right, but has a type, version or rank that lode
 * has not.
 */
#ifndef LODE_TOOLS_NPY_H
#define LODE_TOOLS_NPY_H

#include <lode/array.h>

enum {
    NPY_PREFIX = 12,           /* so many bytes tell how long the header is */
    NPY_HEADER_MAX = 64 << 10, /* a longer header is refused: eight axes take two hundred bytes */
    NPY_WRITE_MAX = 512        /* room for any header that npy_format() writes */
};

struct npy {
    lode_array array;    /* strides filled */
    size_t header_bytes; /* where the elements begin */
    size_t data_bytes;   /* of all elements */
    bool is_turned;      /* the file has its elements in the other byte order */
};

/* Whether the bytes begin as a .npy file does. */
bool npy_is(const void *bytes, size_t size);

/* The length of the whole header, from the first NPY_PREFIX bytes. */
LODE_MUST_CHECK lode_err npy_header_size(const void *prefix, size_t size, size_t *size_out);

/* Reads a header; `size` may be that of the header or more. */
LODE_MUST_CHECK lode_err npy_parse(const void *bytes, size_t size, struct npy *npy_out);

/* Turns the bytes of each number, if the file has them in the other order. */
void npy_turn(const struct npy *npy, void *data);

/*
 * The header of an array, version 1. Arrays in Fortran order get `fortran_order: True`, others,
 * with gaps too, False: their elements follow in C order.
 *
 * Errors  LODE_EUNSUPPORTED  bf16 and the f8 types: .npy has no such types
 *         LODE_EINVAL        the array is invalid
 */
LODE_MUST_CHECK lode_err npy_format(const lode_array *array, char header_out[NPY_WRITE_MAX],
                                    size_t *size_out);

/* True if the elements lie in Fortran order without gaps, and not in C order as well. */
bool npy_is_fortran(const lode_array *array);

#endif
