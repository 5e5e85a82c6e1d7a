#include "worker/process/confines.h"

#include "api/system/descriptor.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <wchar.h>

/* Places of which the device and inode number are compared. */
static const char *const places[] = {"/",
                                     "/proc/self/ns/mnt",
                                     "/proc/self/ns/net",
                                     "/proc/self/ns/user",
                                     "/proc/self/ns/ipc",
                                     "/proc/self/ns/uts",
                                     "/proc/self/ns/pid_for_children"};
enum { PLACES = sizeof places / sizeof places[0] };

/* What prctl() knows of a process, and gives as its result. */
static const int traits[] = {PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP,    PR_GET_DUMPABLE,
                             PR_GET_KEEPCAPS,     PR_GET_TIMERSLACK, PR_GET_THP_DISABLE};
enum { TRAITS = sizeof traits / sizeof traits[0] };

enum { LOOKED_AT = 1024 }; /* descriptors, at most */

/* Compared byte by byte, so all of it is zeroed first. */
struct confines {
    struct rlimit limit[RLIMIT_NLIMITS];
    struct {
        uint64_t device, file;
    } place[PLACES];
    uint32_t capability[2 * 3];
    uid_t user[3];
    gid_t group[3];
    int priority, policy, trait[TRAITS], parent_death, subreaper;
    long disk_priority;
    dev_t input;
    cpu_set_t cpus;
};

static bool known;
static struct confines was;
static FILE *own_in, *own_out, *own_err;

/*
 * Which are open of the descriptors that tasks get: the lowest free numbers. What hangs high is the
 * worker's own, and may come and go.
 */
static struct {
    nfds_t count;
    bool open[LOOKED_AT];
} descriptors;

static void
look(struct confines *now_out)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    memset(now_out, 0, sizeof *now_out);
    for (int i = 0; i < RLIMIT_NLIMITS; i++) {
        getrlimit((__rlimit_resource_t)i, &now_out->limit[i]);
    }
    for (int i = 0; i < PLACES; i++) {
        struct stat info;
        if (stat(places[i], &info) == 0) {
            now_out->place[i].device = info.st_dev;
            now_out->place[i].file = info.st_ino;
        }
    }
    syscall(SYS_capget, &head, now_out->capability);
    getresuid(&now_out->user[0], &now_out->user[1], &now_out->user[2]);
    getresgid(&now_out->group[0], &now_out->group[1], &now_out->group[2]);
    now_out->priority = getpriority(PRIO_PROCESS, 0);
    now_out->policy = sched_getscheduler(0);
    for (int i = 0; i < TRAITS; i++) {
        now_out->trait[i] = prctl(traits[i], 0, 0, 0, 0);
    }
    prctl(PR_GET_PDEATHSIG, &now_out->parent_death, 0, 0, 0);
    prctl(PR_GET_CHILD_SUBREAPER, &now_out->subreaper, 0, 0, 0);
    now_out->disk_priority = syscall(SYS_ioprio_get, 1 /* a process */, 0);
    struct stat input;
    now_out->input = fstat(STDIN_FILENO, &input) == 0 ? input.st_rdev : 0;
    sched_getaffinity(0, sizeof now_out->cpus, &now_out->cpus);
}

/* timer_create(). Nobody but the task knows their ids. */
static bool
has_timers(void)
{
    char byte;
    int fd = open("/proc/self/timers", O_RDONLY | O_CLOEXEC);
    bool has = fd >= 0 && read(fd, &byte, 1) == 1;
    if (fd >= 0) {
        close(fd);
    }
    return has;
}

/* Signals that came while they were blocked would meet the other program's task. */
static bool
has_pending_signals(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && !sigisemptyset(&pending);
}

/* A stream that was closed, or that prints wide characters, prints no more for anybody. */
static bool
is_usable(FILE *stream, FILE *own, int fd)
{
    bool is_right_way = fd == STDIN_FILENO ? __freadable(stream) : __fwritable(stream);
    return stream == own && fileno(stream) == fd && is_right_way && fwide(stream, 0) <= 0;
}

static bool
streams_are_usable(void)
{
    return is_usable(stdin, own_in, STDIN_FILENO) && is_usable(stdout, own_out, STDOUT_FILENO) &&
           is_usable(stderr, own_err, STDERR_FILENO);
}

/* One call for all of them. False: nobody can tell. */
static bool
poll_descriptors(struct pollfd all[LOOKED_AT], nfds_t count)
{
    for (nfds_t i = 0; i < count; i++) {
        all[i] = (struct pollfd){.fd = (int)i};
    }
    return poll(all, count, 0) >= 0;
}

static bool
descriptors_are_as_they_were(void)
{
    static struct pollfd now[LOOKED_AT];
    if (descriptors.count == 0 || !poll_descriptors(now, descriptors.count)) {
        return true;
    }
    for (nfds_t i = STDERR_FILENO + 1; i < descriptors.count; i++) {
        if (((now[i].revents & POLLNVAL) == 0) != descriptors.open[i]) {
            return false;
        }
    }
    return true;
}

void
confines_remember(void)
{
    look(&was);
    own_in = stdin;
    own_out = stdout;
    own_err = stderr;
    known = true;
}

void
confines_remember_descriptors(void)
{
    static struct pollfd now[LOOKED_AT];
    int high = lode_descriptor_high();
    nfds_t count = high < LOOKED_AT ? (nfds_t)high : LOOKED_AT;
    if (!poll_descriptors(now, count)) {
        return;
    }
    for (nfds_t i = 0; i < count; i++) {
        descriptors.open[i] = (now[i].revents & POLLNVAL) == 0;
    }
    descriptors.count = count;
}

bool
confines_are_as_they_were(void)
{
    struct confines now;
    if (!known) {
        return true;
    }
    look(&now);
    return memcmp(&now, &was, sizeof was) == 0 && !has_timers() && !has_pending_signals() &&
           streams_are_usable() && descriptors_are_as_they_were();
}
