/* libstarve.so, to be preloaded: see starve.h. No lock, and no memory of its own. */
#include "tests/starve/starve.h"

#include "tests/starve/blocks.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))
#define FROM __builtin_return_address(0)
#define OURS (is_ours(FROM))

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

enum kind { MEMORY, MAP, ROOM, OPEN, SOCKET, THREAD, PACKET, KINDS };
SEEN const char *const starve_kinds[] = {"malloc", "mmap",   "ftruncate", "open",
                                         "socket", "thread", "packet",    NULL};

SEEN bool
starve_kind_is_sure(const char *kind)
{
    return strcmp(kind, starve_kinds[MEMORY]) == 0 || strcmp(kind, starve_kinds[OPEN]) == 0;
}

static atomic_int armed = -1; /* a kind */
static atomic_long calls, nth, how_many;
static atomic_bool has_failed;
static atomic_uintptr_t code_begin, code_end; /* whose calls count */

static bool
is_ours(const void *from)
{
    uintptr_t at = (uintptr_t)from;
    return at >= atomic_load(&code_begin) && at < atomic_load(&code_end);
}

/* For whoever has armed a daemon. The system is asked directly: open() may be what is to fail. */
static void
leave_mark(void)
{
    const char *path = getenv("STARVE_MARK");
    if (path != NULL) {
        long fd = syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (fd >= 0) {
            (void)syscall(SYS_close, fd);
        }
    }
}

/* A daemon that is to start in peace is armed while a file is there. */
static bool
is_time(void)
{
    int error = errno;
    const char *path = getenv("STARVE_WHILE");
    bool is = path == NULL || access(path, F_OK) == 0;
    errno = error;
    return is;
}

static bool
fails(enum kind kind, bool ours)
{
    if (!ours || atomic_load(&armed) != (int)kind || !is_time()) {
        return false;
    }
    long n = atomic_fetch_add(&calls, 1) + 1, wanted = atomic_load(&nth);
    bool now = n >= wanted && n - wanted < atomic_load(&how_many);
    if (now && !atomic_exchange(&has_failed, true)) {
        leave_mark();
    }
    return now;
}

/* ---- whose calls count ---------------------------------------------------------------------- */

/* The code that `arg` points into; NULL: that of the program itself. */
static int
find_code(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    if (arg == NULL && *info->dlpi_name != '\0') {
        return 0;
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + part->p_vaddr, end = begin + part->p_memsz;
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) &&
            (arg == NULL || ((uintptr_t)arg >= begin && (uintptr_t)arg < end))) {
            atomic_store(&code_begin, begin);
            atomic_store(&code_end, end);
            return 1;
        }
    }
    return 0;
}

/* liblode's: in a worker it is a part of the program. */
static void
find_liblode(void)
{
    if (atomic_load(&code_end) == 0) {
        dl_iterate_phdr(find_code, dlsym(RTLD_DEFAULT, "lode_open"));
    }
}

static void
arm(int kind, long n, long count)
{
    atomic_store(&calls, 0);
    atomic_store(&nth, n);
    atomic_store(&how_many, count);
    atomic_store(&has_failed, false);
    atomic_store(&armed, kind);
}

SEEN void
starve_arm(int kind, long n, long count)
{
    find_liblode();
    arm(kind, n, count);
}

SEEN bool
starve_disarm(void)
{
    atomic_store(&armed, -1);
    return atomic_load(&has_failed);
}

__attribute__((constructor)) static void
arm_daemon(void)
{
    char program[32], kind[16];
    long n, count = 1;
    const char *wish = getenv("STARVE");
    if (wish == NULL || sscanf(wish, "%31s %15s %ld %ld", program, kind, &n, &count) < 3 ||
        strcmp(program, program_invocation_short_name) != 0) {
        return;
    }
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(kind, starve_kinds[i]) == 0) {
            dl_iterate_phdr(find_code, NULL);
            arm(i, n, count);
        }
    }
}

/* ---- memory --------------------------------------------------------------------------------- */

static void *
counted(void *block, const void *from)
{
    if (block != NULL) {
        blocks_count(1);
        if (is_ours(from)) {
            blocks_note(block, from);
        }
    }
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
    return fails(MEMORY, OURS) ? no_memory() : counted(__libc_malloc(size), FROM);
}

SEEN void *
calloc(size_t count, size_t size)
{
    return fails(MEMORY, OURS) ? no_memory() : counted(__libc_calloc(count, size), FROM);
}

SEEN void *
realloc(void *block, size_t size)
{
    if (fails(MEMORY, OURS)) {
        return no_memory();
    }
    if (block == NULL) {
        return counted(__libc_malloc(size), FROM);
    }
    const void *from = blocks_forget(block);
    void *moved = __libc_realloc(block, size);
    if (from != NULL) {
        blocks_note(moved != NULL ? moved : block, from);
    }
    return moved;
}

SEEN void *
aligned_alloc(size_t alignment, size_t size)
{
    return fails(MEMORY, OURS) ? no_memory() : counted(__libc_memalign(alignment, size), FROM);
}

SEEN int
posix_memalign(void **block_out, size_t alignment, size_t size)
{
    void *block = fails(MEMORY, OURS) ? NULL : counted(__libc_memalign(alignment, size), FROM);
    if (block == NULL) {
        return ENOMEM;
    }
    *block_out = block;
    return 0;
}

static char *
copied(const char *text, size_t size, const void *from)
{
    char *copy =
        fails(MEMORY, is_ours(from)) ? no_memory() : counted(__libc_malloc(size + 1), from);
    if (copy != NULL) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

SEEN char *
strdup(const char *text)
{
    return copied(text, strlen(text), FROM);
}

SEEN char *
strndup(const char *text, size_t size)
{
    return copied(text, strnlen(text, size), FROM);
}

SEEN void
free(void *block)
{
    if (block != NULL) {
        blocks_count(-1);
        blocks_forget(block);
    }
    __libc_free(block);
}

/* ---- the rest: the real ones are found when they are first called ---------------------------- */

#define REAL(name)                                                                                 \
    static __typeof__(&name) real_##name;                                                          \
    if (real_##name == NULL) {                                                                     \
        real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                  \
    }

/* A function that gives `failed` and sets errno, if it is to fail. */
#define REPLACE(kind, error, failed, type, name, parameters, arguments)                            \
    SEEN type name parameters                                                                      \
    {                                                                                              \
        REAL(name)                                                                                 \
        if (fails(kind, OURS)) {                                                                   \
            errno = (error);                                                                       \
            return failed;                                                                         \
        }                                                                                          \
        return real_##name arguments;                                                              \
    }

/* clang-format off */
REPLACE(MAP, ENOMEM, MAP_FAILED, void *, mmap,
        (void *at, size_t size, int protection, int flags, int fd, off_t offset),
        (at, size, protection, flags, fd, offset))

REPLACE(MAP, ENOMEM, -1, int, mprotect, (void *at, size_t size, int protection),
        (at, size, protection))

REPLACE(ROOM, ENOSPC, -1, int, mkdir, (const char *path, mode_t mode), (path, mode))
REPLACE(ROOM, ENOSPC, NULL, char *, mkdtemp, (char *path), (path))
REPLACE(ROOM, ENOSPC, -1, int, ftruncate, (int fd, off_t size), (fd, size))
REPLACE(ROOM, ENOSPC, -1, int, fallocate, (int fd, int mode, off_t offset, off_t size),
        (fd, mode, offset, size))

REPLACE(OPEN, EMFILE, NULL, FILE *, fopen, (const char *path, const char *mode), (path, mode))
REPLACE(OPEN, EMFILE, NULL, DIR *, opendir, (const char *path), (path))
REPLACE(OPEN, EMFILE, -1, int, pipe2, (int ends[2], int flags), (ends, flags))
REPLACE(OPEN, EMFILE, -1, int, memfd_create, (const char *name, unsigned flags), (name, flags))
REPLACE(OPEN, EMFILE, -1, int, epoll_create1, (int flags), (flags))
REPLACE(OPEN, EMFILE, -1, int, eventfd, (unsigned count, int flags), (count, flags))
REPLACE(OPEN, EMFILE, -1, int, timerfd_create, (clockid_t clock, int flags), (clock, flags))
REPLACE(OPEN, EMFILE, -1, int, signalfd, (int fd, const sigset_t *set, int flags),
        (fd, set, flags))
REPLACE(OPEN, EMFILE, -1, int, inotify_init1, (int flags), (flags))

REPLACE(SOCKET, EMFILE, -1, int, socket, (int domain, int type, int protocol),
        (domain, type, protocol))
REPLACE(SOCKET, EMFILE, -1, int, socketpair, (int domain, int type, int protocol, int ends[2]),
        (domain, type, protocol, ends))
REPLACE(SOCKET, EMFILE, -1, int, accept4,
        (int fd, struct sockaddr *address, socklen_t *size, int flags), (fd, address, size, flags))

REPLACE(THREAD, EAGAIN, -1, pid_t, fork, (void), ())
/* clang-format on */

/* The mode is there if the file may be made. */
#define WITH_MODE(name, ...)                                                                       \
    REAL(name)                                                                                     \
    va_list args;                                                                                  \
    va_start(args, flags);                                                                         \
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;                               \
    va_end(args);                                                                                  \
    if (fails(OPEN, OURS)) {                                                                       \
        errno = EMFILE;                                                                            \
        return -1;                                                                                 \
    }                                                                                              \
    return real_##name(__VA_ARGS__, flags, mode);

SEEN int
open(const char *path, int flags, ...){WITH_MODE(open, path)}

/* Every command that takes an argument takes a long or a pointer. */
SEEN int fcntl(int fd, int command, ...)
{
    REAL(fcntl)
    va_list args;
    va_start(args, command);
    void *argument = va_arg(args, void *);
    va_end(args);
    if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && fails(OPEN, OURS)) {
        errno = EMFILE;
        return -1;
    }
    return real_fcntl(fd, command, argument);
}

SEEN int
openat(int at, const char *path, int flags, ...){WITH_MODE(openat, at, path)}

SEEN int posix_spawn(pid_t *pid_out, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    REAL(posix_spawn)
    return fails(THREAD, OURS) ? EAGAIN
                               : real_posix_spawn(pid_out, path, actions, attributes, argv, envp);
}

/* A thread's own values, and what runs around a fork, take memory. */
SEEN int
pthread_key_create(pthread_key_t *key_out, void (*end)(void *))
{
    REAL(pthread_key_create)
    return fails(MEMORY, OURS) ? ENOMEM : real_pthread_key_create(key_out, end);
}

/* What pthread_atfork(), a part of each program and library, calls. */
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                             void *object);

SEEN int
__register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *object)
{
    REAL(__register_atfork)
    return fails(MEMORY, OURS) ? ENOMEM : real___register_atfork(prepare, parent, child, object);
}

/*
 * As the kernel does where the process has no number left: the descriptors of a packet are closed.
 */
static void
drop_descriptors(struct msghdr *msg)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(msg); part != NULL; part = CMSG_NXTHDR(msg, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (size_t at = CMSG_LEN(0); at < part->cmsg_len; at += sizeof(int)) {
            int fd;
            memcpy(&fd, (char *)part + at, sizeof fd);
            close(fd);
        }
    }
    msg->msg_flags |= MSG_CTRUNC;
    msg->msg_controllen = 0;
}

/* Only a packet that brings descriptors counts. */
SEEN ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
    REAL(recvmsg)
    bool ours = OURS;
    ssize_t size = real_recvmsg(fd, msg, flags);
    const struct cmsghdr *first = size >= 0 ? CMSG_FIRSTHDR(msg) : NULL;
    if (first != NULL && first->cmsg_type == SCM_RIGHTS && fails(PACKET, ours)) {
        drop_descriptors(msg);
    }
    return size;
}

/* One of nng's fails only after one of ours has, as the limit of processes would have it. */
SEEN int
pthread_create(pthread_t *thread_out, const pthread_attr_t *attributes, void *(*run)(void *),
               void *arg)
{
    REAL(pthread_create)
    bool refused = atomic_load(&armed) == THREAD && atomic_load(&has_failed) &&
                   atomic_load(&how_many) == STARVE_ALL;
    return refused || fails(THREAD, OURS) ? EAGAIN
                                          : real_pthread_create(thread_out, attributes, run, arg);
}
