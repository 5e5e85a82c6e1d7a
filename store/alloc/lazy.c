#include "store/alloc/lazy.h"

#include "api/base/fail.h"

#include <sys/mman.h>

lode_err
lazy_map(size_t count, size_t size, void **array_out)
{
    size_t bytes;
    void *array = MAP_FAILED;
    if (!__builtin_mul_overflow(count, size, &bytes) && bytes > 0) {
        array = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    if (array == MAP_FAILED) {
        return lode_fail_with(LODE_ENOMEM,
                              "no address space for a table of %zu × %zu bytes: give the store a "
                              "smaller capacity, or raise the limit (ulimit -v)",
                              count, size);
    }
    *array_out = array;
    return LODE_OK;
}

void
lazy_unmap(void *array, size_t count, size_t size)
{
    if (array != NULL) {
        munmap(array, count * size);
    }
}
