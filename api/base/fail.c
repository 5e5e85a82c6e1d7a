#include "api/base/fail.h"

#include "api/base/printable.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#undef lode_fail_with
#undef lode_fail_errno

/*
 * Each thread's sentence is allocated by its first failure, and found by a key. A thread-local
 * buffer would not do: all libraries that are loaded while a program runs share less than 2 KB of
 * static thread-local room, and one that asks for too much cannot be loaded.
 */
static pthread_key_t key;
static bool has_key; /* written once, by make_key() */
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

/* The sentence of a thread whose first failure found no memory for its own. Never written. */
static char no_room[] = "there is no memory left, not even for a sentence";

/* A process without the key: whether any of its threads has failed. */
static atomic_bool has_failed;
static const char no_key[] = "this process has no memory, or no pthread key, left for a sentence";

static void
free_sentence(void *sentence)
{
    if (sentence != no_room) {
        free(sentence);
    }
}

static void
make_key(void)
{
    has_key = pthread_key_create(&key, free_sentence) == 0;
}

/* NULL: this thread has no memory for a sentence. */
static char *
make_last_error(void)
{
    char *last_error = has_key ? calloc(1, LODE_FAIL_MAX) : NULL;
    if (last_error != NULL && pthread_setspecific(key, last_error) != 0) {
        free(last_error);
        last_error = NULL;
    }
    if (last_error == NULL && has_key) {
        (void)!pthread_setspecific(key, no_room);
    }
    return last_error;
}

static char *
own_last_error(void)
{
    pthread_once(&key_once, make_key);
    return has_key ? pthread_getspecific(key) : NULL;
}

const char *
lode_last_error(void)
{
    const char *last_error = own_last_error();
    return last_error != NULL ? last_error : !has_key && atomic_load(&has_failed) ? no_key : "";
}

/* What came from outside must not drive the terminal of the person who reads the sentence. */
static void
make_printable(char sentence[LODE_FAIL_MAX])
{
    char shown[LODE_FAIL_MAX];
    size_t size = strlen(sentence);
    if (!lode_is_printable(sentence, size)) {
        size = lode_printable(sentence, size, 0, shown, sizeof shown);
        memcpy(sentence, shown, size + 1);
    }
}

/* The arguments may point into last_error itself, so the sentence is made beside it. */
static LODE_PRINTF(1, 0) void set_sentence(const char *format, va_list args, const char *suffix)
{
    char sentence[LODE_FAIL_MAX];
    int n = vsnprintf(sentence, sizeof sentence, format, args);
    size_t used = n < 0 ? 0 : (size_t)n < sizeof sentence ? (size_t)n : sizeof sentence - 1;
    sentence[used] = '\0';
    if (suffix != NULL) {
        snprintf(sentence + used, sizeof sentence - used, ": %s", suffix);
    }
    make_printable(sentence);
    char *last_error = own_last_error();
    if (last_error == NULL || last_error == no_room) {
        last_error = make_last_error();
    }
    if (last_error != NULL) {
        memcpy(last_error, sentence, strlen(sentence) + 1);
    } else if (!has_key) {
        atomic_store(&has_failed, true);
    }
}

lode_err
lode_fail_with(lode_err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_sentence(format, args, NULL);
    va_end(args);
    return err;
}

static lode_err
err_of_errno(int number)
{
    switch (number) {
    case ENOMEM:
        return LODE_ENOMEM;
    case EACCES:
    case EPERM:
        return LODE_EDENIED;
    case ENOSPC:
        return LODE_EFULL;
    default:
        return LODE_ESYS;
    }
}

/* Names the limit (ulimit) behind the error: a user may have set it hours ago, in another file. */
static void
add_limit(int number, char *text, size_t room)
{
    struct rlimit limit;
    size_t used = strlen(text);
    if (number == EFBIG && getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
        limit.rlim_cur != RLIM_INFINITY) {
        snprintf(text + used, room - used, "; files may have %llu KiB (ulimit -f): raise that",
                 (unsigned long long)limit.rlim_cur >> 10);
    } else if (number == ENOMEM && getrlimit(RLIMIT_AS, &limit) == 0 &&
               limit.rlim_cur != RLIM_INFINITY) {
        snprintf(text + used, room - used,
                 "; a process may map %llu MiB (ulimit -v), and needs 2 GiB and the store's "
                 "capacity: raise that, or start the cluster with a smaller --capacity",
                 (unsigned long long)limit.rlim_cur >> 20);
    } else if (number == EMFILE && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        snprintf(text + used, room - used,
                 "; a process may have %llu (ulimit -n); lode needs %d besides the program's own, "
                 "and %d where a cluster starts: close some, or raise that",
                 (unsigned long long)limit.rlim_cur, LODE_OPEN_FILES_NEEDED,
                 LODE_OPEN_FILES_OF_DAEMONS);
    }
}

lode_err
lode_fail_errno(const char *format, ...)
{
    int number = errno;
    char buffer[64], text[256];
    va_list args;
    snprintf(text, sizeof text, "%s", strerror_r(number, buffer, sizeof buffer));
    add_limit(number, text, sizeof text);
    va_start(args, format);
    set_sentence(format, args, text);
    va_end(args);
    errno = number;
    return err_of_errno(number);
}

bool
lode_err_is_known(lode_err err)
{
    return strcmp(lode_err_name(err), "LODE_E?") != 0;
}
