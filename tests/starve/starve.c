/* libstarve.so, to be preloaded: see starve.h. No lock, and no memory of its own. */
#include "tests/starve/starve.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))
#define OURS (is_ours(__builtin_return_address(0)))

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

enum kind { MEMORY, MAP, ROOM, OPEN, SOCKET, THREAD, KINDS };
SEEN const char *const starve_kinds[] = {"malloc", "mmap",   "ftruncate", "open",
                                         "socket", "thread", NULL};

static atomic_int armed = -1; /* a kind */
static atomic_long calls, nth;
static atomic_bool later_ones, has_failed;
static atomic_long blocks;
static atomic_uintptr_t code_begin, code_end; /* whose calls count */

static bool
is_ours(const void *from)
{
    uintptr_t at = (uintptr_t)from;
    return at >= atomic_load(&code_begin) && at < atomic_load(&code_end);
}

static bool
fails(enum kind kind, bool ours)
{
    if (!ours || atomic_load(&armed) != (int)kind) {
        return false;
    }
    long n = atomic_fetch_add(&calls, 1) + 1, wanted = atomic_load(&nth);
    bool now = n == wanted || (n > wanted && atomic_load(&later_ones));
    if (now) {
        atomic_store(&has_failed, true);
    }
    return now;
}

/* ---- whose calls count ---------------------------------------------------------------------- */

static int
find_code(struct dl_phdr_info *info, size_t size, void *arg)
{
    const char *wanted = arg;
    (void)size;
    if (*wanted == '\0' ? *info->dlpi_name != '\0' : strstr(info->dlpi_name, wanted) == NULL) {
        return 0;
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X)) {
            atomic_store(&code_begin, info->dlpi_addr + part->p_vaddr);
            atomic_store(&code_end, info->dlpi_addr + part->p_vaddr + part->p_memsz);
            return 1;
        }
    }
    return 0;
}

static void
arm(int kind, long n, bool many)
{
    atomic_store(&calls, 0);
    atomic_store(&nth, n);
    atomic_store(&later_ones, many);
    atomic_store(&has_failed, false);
    atomic_store(&armed, kind);
}

SEEN void
starve_arm(int kind, long n, bool many)
{
    if (atomic_load(&code_end) == 0) {
        dl_iterate_phdr(find_code, (void *)(uintptr_t) "/liblode.so");
    }
    arm(kind, n, many);
}

SEEN bool
starve_disarm(void)
{
    atomic_store(&armed, -1);
    return atomic_load(&has_failed);
}

SEEN long
starve_blocks(void)
{
    return atomic_load(&blocks);
}

__attribute__((constructor)) static void
arm_daemon(void)
{
    char program[32], kind[16], many[8] = "";
    long n;
    const char *wish = getenv("STARVE");
    if (wish == NULL || sscanf(wish, "%31s %15s %ld %7s", program, kind, &n, many) < 3 ||
        strcmp(program, program_invocation_short_name) != 0) {
        return;
    }
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(kind, starve_kinds[i]) == 0) {
            dl_iterate_phdr(find_code, (void *)(uintptr_t) "");
            arm(i, n, *many != '\0');
        }
    }
}

/* ---- memory --------------------------------------------------------------------------------- */

static void *
counted(void *block)
{
    atomic_fetch_add_explicit(&blocks, block != NULL, memory_order_relaxed);
    return block;
}

static void *
no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

SEEN void *
malloc(size_t size)
{
    return fails(MEMORY, OURS) ? no_memory() : counted(__libc_malloc(size));
}

SEEN void *
calloc(size_t count, size_t size)
{
    return fails(MEMORY, OURS) ? no_memory() : counted(__libc_calloc(count, size));
}

SEEN void *
realloc(void *block, size_t size)
{
    if (fails(MEMORY, OURS)) {
        return no_memory();
    }
    void *moved = __libc_realloc(block, size);
    if (block == NULL) {
        counted(moved);
    }
    return moved;
}

SEEN void *
aligned_alloc(size_t alignment, size_t size)
{
    return fails(MEMORY, OURS) ? no_memory() : counted(__libc_memalign(alignment, size));
}

SEEN int
posix_memalign(void **block_out, size_t alignment, size_t size)
{
    void *block = fails(MEMORY, OURS) ? NULL : counted(__libc_memalign(alignment, size));
    if (block == NULL) {
        return ENOMEM;
    }
    *block_out = block;
    return 0;
}

SEEN char *
strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = fails(MEMORY, OURS) ? no_memory() : counted(__libc_malloc(size));
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

SEEN void
free(void *block)
{
    atomic_fetch_sub_explicit(&blocks, block != NULL, memory_order_relaxed);
    __libc_free(block);
}

/* ---- the rest: the real ones are found when they are first called ----------------------------- */

#define REAL(name)                                                                                 \
    static __typeof__(&name) real_##name;                                                          \
    if (real_##name == NULL) {                                                                     \
        real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                  \
    }

#define FAIL(error) return (errno = (error), -1)

SEEN void *
mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    REAL(mmap)
    if (fails(MAP, OURS)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return real_mmap(address, size, protection, flags, fd, offset);
}

SEEN int
ftruncate(int fd, off_t size)
{
    REAL(ftruncate)
    if (fails(ROOM, OURS)) {
        FAIL(ENOSPC);
    }
    return real_ftruncate(fd, size);
}

SEEN int
fallocate(int fd, int mode, off_t offset, off_t size)
{
    REAL(fallocate)
    if (fails(ROOM, OURS)) {
        FAIL(ENOSPC);
    }
    return real_fallocate(fd, mode, offset, size);
}

SEEN int
open(const char *path, int flags, ...)
{
    REAL(open)
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (fails(OPEN, OURS)) {
        FAIL(EMFILE);
    }
    return real_open(path, flags, mode);
}

SEEN int
pipe2(int ends[2], int flags)
{
    REAL(pipe2)
    if (fails(OPEN, OURS)) {
        FAIL(EMFILE);
    }
    return real_pipe2(ends, flags);
}

SEEN int
epoll_create1(int flags)
{
    REAL(epoll_create1)
    if (fails(OPEN, OURS)) {
        FAIL(EMFILE);
    }
    return real_epoll_create1(flags);
}

SEEN int
eventfd(unsigned count, int flags)
{
    REAL(eventfd)
    if (fails(OPEN, OURS)) {
        FAIL(EMFILE);
    }
    return real_eventfd(count, flags);
}

SEEN int
timerfd_create(clockid_t clock, int flags)
{
    REAL(timerfd_create)
    if (fails(OPEN, OURS)) {
        FAIL(EMFILE);
    }
    return real_timerfd_create(clock, flags);
}

SEEN int
socket(int domain, int type, int protocol)
{
    REAL(socket)
    if (fails(SOCKET, OURS)) {
        FAIL(EMFILE);
    }
    return real_socket(domain, type, protocol);
}

SEEN int
socketpair(int domain, int type, int protocol, int ends[2])
{
    REAL(socketpair)
    if (fails(SOCKET, OURS)) {
        FAIL(EMFILE);
    }
    return real_socketpair(domain, type, protocol, ends);
}

/* Also those of nng: they fail with those of ours, as the limit of processes would have it. */
SEEN int
pthread_create(pthread_t *thread_out, const pthread_attr_t *attributes, void *(*run)(void *),
               void *arg)
{
    REAL(pthread_create)
    return fails(THREAD, true) ? EAGAIN : real_pthread_create(thread_out, attributes, run, arg);
}
