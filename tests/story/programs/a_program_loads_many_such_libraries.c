/*
 * A program that runs may load liblode, and other libraries of its kind beside it: liblode takes no
 * more than a pointer of the thread-local room that all of them share. Here they are copies of it.
 * Each gives every thread a sentence of its own.
 */
#include "tests/support/cluster.h"
#include "tests/support/story.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPIES = 16 };

static void
copy_library(const char *to)
{
    Dl_info own;
    struct stat st;
    expect(dladdr((const void *)(uintptr_t)lode_open, &own) != 0);
    int from = open(own.dli_fname, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    expect(from >= 0 && out >= 0);
    expect_eq(fstat(from, &st), 0);
    for (off_t at = 0; at < st.st_size;) {
        expect_lt(0, sendfile(out, from, &at, (size_t)(st.st_size - at)));
    }
    close(from);
    close(out);
}

struct copy {
    lode_err (*parse)(const char *text, lode_id *id_out);
    const char *(*last_error)(void);
};

/* A new thread has no sentence before its first failure. */
static void *
fail_in_all(void *arg)
{
    const struct copy *copies = arg;
    for (int i = 0; i < COPIES; i++) {
        char text[16];
        lode_id id;
        snprintf(text, sizeof text, "id-%d", i);
        expect_eq(strlen(copies[i].last_error()), 0);
        expect_eq(copies[i].parse(text, &id), LODE_EINVAL);
    }
    for (int i = 0; i < COPIES; i++) {
        char text[16];
        snprintf(text, sizeof text, "'id-%d'", i);
        expect_text(copies[i].last_error(), text);
    }
    return NULL;
}

static void
story(int argc, char **argv)
{
    struct copy copies[COPIES];
    pthread_t thread;
    (void)argc, (void)argv;
    for (int i = 0; i < COPIES; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/liblode-%d.so", story_files(), i);
        copy_library(path);
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            give_up("copy %d of %d: %s", i + 1, COPIES, dlerror());
        }
        *(void **)&copies[i].parse = dlsym(library, "lode_id_parse");
        *(void **)&copies[i].last_error = dlsym(library, "lode_last_error");
        expect(copies[i].parse != NULL && copies[i].last_error != NULL);
    }
    expect_eq(pthread_create(&thread, NULL, fail_in_all, copies), 0);
    pthread_join(thread, NULL);
    fail_in_all(copies);
}

int
main(int argc, char **argv)
{
    return story_run(argc, argv, 20, story);
}
