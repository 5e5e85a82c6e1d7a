#include "worker/process/streams.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_SECONDS = 2 };

/* Whatever a task has made of SIGALRM. surroundings_enter() puts all signals back. */
static void
limit_time(void)
{
    const struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t alarms;
    sigaction(SIGALRM, &action, NULL);
    alarm(MOST_SECONDS);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
}

/* An object of C++ begins with the address of its table, and with zero before it is constructed. */
static bool
is_constructed(const void *object)
{
    return object != NULL && *(void *const *)object != NULL;
}

/* Where it is loaded from. Asked by its name alone, the loader looks through its directories. */
static int
find_cpp(struct dl_phdr_info *info, size_t size, void *arg)
{
    static const char NAME[] = "/libstdc++.so.6";
    const char **path = arg, *at = strrchr(info->dlpi_name, '/');
    (void)size;
    if (at == NULL || strcmp(at, NAME) != 0) {
        return 0;
    }
    *path = info->dlpi_name;
    return 1;
}

/* std::cout.flush() and std::clog.flush(), by their names in its ABI, where some library has it. */
static void
flush_cpp(void)
{
    static const char *const names[] = {"_ZSt4cout", "_ZSt4clog"};
    const char *path = NULL;
    dl_iterate_phdr(find_cpp, &path);
    void *library = path != NULL ? dlopen(path, RTLD_LAZY | RTLD_NOLOAD) : NULL;
    if (library == NULL) {
        return;
    }
    void *(*flush)(void *) = NULL;
    *(void **)&flush = dlsym(library, "_ZNSo5flushEv");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        void *stream = dlsym(library, names[i]);
        if (flush != NULL && is_constructed(stream)) {
            flush(stream);
        }
    }
    dlclose(library);
}

void
streams_flush(void)
{
    limit_time();
    flush_cpp();
    fflush(NULL);
    alarm(0);
}
