/* The segment file: private, sparse, full-sized; and capacities that are refused with advice. */
#include "store/alloc/capacity.h"
#include "store/alloc/segment.h"
#include "tests/unit/store/tmpfs.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { PAGE = 4096 };

TestSuite(segment, .init = tmpfs_setup, .fini = tmpfs_teardown, .timeout = 300);

static struct stat
stat_of(int fd)
{
    struct stat st;
    expect_eq(fstat(fd, &st), 0);
    return st;
}

Test(segment, is_private_and_sparse_and_has_its_full_size)
{
    struct segment s;
    must(segment_create(tmpfs_dir, 0, 1 << 20, &s));
    struct stat st = stat_of(s.fd);
    expect_eq(st.st_mode & 07777, 0600);
    expect_eq(st.st_size, 1 << 20);
    expect_eq(st.st_blocks, 0);
    must(segment_warm(&s, 64 * PAGE, 16 * PAGE));
    expect_eq(stat_of(s.fd).st_blocks * 512, 16 * PAGE);
    s.base[64 * PAGE] = 1;
    s.base[80 * PAGE - 1] = 1;
    expect_eq(stat_of(s.fd).st_blocks * 512, 16 * PAGE);
    segment_destroy(&s, tmpfs_dir);
}

Test(segment, gives_a_descriptor_that_cannot_write)
{
    struct segment s;
    must(segment_create(tmpfs_dir, 3, 1 << 20, &s));
    expect(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, s.read_fd, 0) == MAP_FAILED);
    expect_eq(fcntl(s.fd, F_GETFD) & fcntl(s.read_fd, F_GETFD), FD_CLOEXEC);
    segment_destroy(&s, tmpfs_dir);
}

Test(segment, replaces_an_old_file_without_harm_to_those_who_still_map_it)
{
    struct segment old, new;
    must(segment_create(tmpfs_dir, 0, 1 << 20, &old));
    must(segment_warm(&old, 0, PAGE));
    old.base[0] = 42;
    must(segment_create(tmpfs_dir, 0, 2 << 20, &new));
    expect_eq(old.base[0], 42);
    expect_ne(stat_of(old.fd).st_ino, stat_of(new.fd).st_ino);
    segment_destroy(&old, NULL);
    segment_destroy(&new, tmpfs_dir);
}

Test(segment, capacity_is_rounded_down_to_pages)
{
    uint64_t bytes = 0;
    must(capacity_choose(tmpfs_dir, (2 << 20) + 5000, &bytes));
    expect_eq(bytes, (2 << 20) + PAGE);
}

Test(segment, capacity_below_the_least_is_refused)
{
    uint64_t bytes = 1;
    fails(capacity_choose(tmpfs_dir, 1000, &bytes), LODE_EINVAL);
    expect_text(lode_last_error(), "1000 bytes is too small");
    expect_eq(bytes, 1);
}

Test(segment, capacity_beyond_what_an_extent_can_say_is_refused)
{
    uint64_t bytes;
    fails(capacity_choose(tmpfs_dir, UINT64_MAX, &bytes), LODE_EINVAL);
    fails(capacity_choose(tmpfs_dir, SEGMENT_CAPACITY_MAX + PAGE, &bytes), LODE_EINVAL);
    expect_text(lode_last_error(), "16 TiB");
}

Test(segment, default_capacity_is_less_than_a_third_of_what_there_is)
{
    uint64_t bytes;
    tmpfs_of("64m");
    must(capacity_choose(tmpfs_dir, 0, &bytes));
    expect_le(bytes, (uint64_t)(64 << 20) * 30 / 100);
    expect_lt((uint64_t)(64 << 20) * 29 / 100, bytes);
    expect_eq(bytes % PAGE, 0);
}

Test(segment, a_tmpfs_of_one_mebibyte_is_refused_with_advice)
{
    uint64_t bytes;
    tmpfs_of("1m");
    fails(capacity_choose(tmpfs_dir, 0, &bytes), LODE_EFULL);
    expect_text(lode_last_error(), "--shm-size");
    expect_text(lode_last_error(), tmpfs_dir);
}

Test(segment, the_default_is_never_less_than_the_least_where_that_fits)
{
    uint64_t bytes;
    tmpfs_of("2500k");
    must(capacity_choose(tmpfs_dir, 0, &bytes));
    expect_eq(bytes, SEGMENT_CAPACITY_MIN);
}

Test(segment, a_capacity_larger_than_the_tmpfs_is_refused_with_advice)
{
    uint64_t bytes;
    tmpfs_of("16m");
    fails(capacity_choose(tmpfs_dir, 16 << 20, &bytes), LODE_EFULL);
    expect_text(lode_last_error(), "a store of 16384 KiB");
    expect_text(lode_last_error(), "--shm-size");
    must(capacity_choose(tmpfs_dir, 14 << 20, &bytes));
}

Test(segment, memory_that_does_not_fit_changes_nothing)
{
    struct segment s;
    tmpfs_of("4m");
    must(segment_create(tmpfs_dir, 0, 64 << 20, &s));
    must(segment_warm(&s, 0, 1 << 20));
    fails(segment_warm(&s, 1 << 20, 8 << 20), LODE_EFULL);
    expect_text(lode_last_error(), "8192 KiB");
    expect_eq(stat_of(s.fd).st_blocks * 512, 1 << 20);
    must(segment_warm(&s, 1 << 20, 2 << 20));
    segment_destroy(&s, tmpfs_dir);
}
