#include "worker/process/confines.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
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
static const char *const places[] = {"/", "/proc/self/ns/mnt", "/proc/self/ns/net",
                                     "/proc/self/ns/user"};
enum { PLACES = sizeof places / sizeof places[0] };

/* Compared byte by byte, so all of it is zeroed first. */
struct confines {
    struct rlimit limit[RLIMIT_NLIMITS];
    struct {
        uint64_t device, file;
    } place[PLACES];
    uint32_t capability[2 * 3];
    uid_t user[3];
    gid_t group[3];
    int priority, policy, no_new_privileges, seccomp;
    cpu_set_t cpus;
};

static bool known;
static struct confines was;
static FILE *own_out, *own_err;

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
    now_out->no_new_privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    now_out->seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
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

/* A stream that was closed, or that prints wide characters, prints no more for anybody. */
static bool
is_usable(FILE *stream, FILE *own, int fd)
{
    return stream == own && fileno(stream) == fd && __fwritable(stream) && fwide(stream, 0) <= 0;
}

void
confines_remember(void)
{
    look(&was);
    own_out = stdout;
    own_err = stderr;
    known = true;
}

bool
confines_are_as_they_were(void)
{
    struct confines now;
    if (!known) {
        return true;
    }
    look(&now);
    return memcmp(&now, &was, sizeof was) == 0 && !has_timers() &&
           is_usable(stdout, own_out, STDOUT_FILENO) && is_usable(stderr, own_err, STDERR_FILENO);
}
