/*
 * orders_world.h: a program or a worker whose scheduler is the input. Its link has no pipe: what
 * the scheduler would write into one is handed over by the input, also where liblode waits for an
 * answer. No thread is started. Its store is hostile_store.h.
 */
#ifndef TESTS_FUZZ_ORDERS_WORLD_H
#define TESTS_FUZZ_ORDERS_WORLD_H

#include "tests/fuzz/hostile_store.h"

/* What the world must see of this is its alone. */
#include "worker/runtime/run.c"

#include "api/client/cluster/starting.h"
#include "api/client/output/task_output.h"
#include "api/client/tasks/tasks.h"
#include "api/layout/error_object.h"
#include "api/wire/rendezvous_msg.h"
#include "api/wire/start.h"
#include "api/wire/task_msg.h"
#include "worker/runtime/records.h"

enum { RECORD = 1024, NAMES_OF_TASKS = 256 };

static struct lode_link {
    struct lode_link_events events;
    bool is_open, is_broken;
} the_link;

static uint32_t given[NAMES_OF_TASKS]; /* tasks that the worker has taken and not given back */
static FILE *nowhere;

/* The input's next record: for when liblode waits for one. */
static void next_record(void);

/* ---- the link -------------------------------------------------------------------------------- */

lode_err
lode_link_dial(const char *path, const struct lode_link_events *events, struct lode_link **link_out)
{
    fuzz_expect(!the_link.is_open && strnlen(path, LODE_ENDPOINT_MAX) < LODE_ENDPOINT_MAX);
    if (path[0] != '/') {
        return lode_fail_with(LODE_EINVAL, "no such endpoint");
    }
    the_link = (struct lode_link){.events = *events, .is_open = true};
    *link_out = &the_link;
    return LODE_OK;
}

/* A task is given back once: run, or unstarted. */
static void
note_given_back(uint64_t task)
{
    fuzz_expect(task < NAMES_OF_TASKS && given[task] > 0);
    given[task]--;
}

static void
check_done(const struct lode_task_done *done, const void *rest, uint32_t size)
{
    struct lode_error_parts parts;
    fuzz_expect(done->status >= LODE_DONE_OK && done->status <= LODE_DONE_UNSTORED);
    if (done->status == LODE_DONE_UNSTORED) {
        fuzz_expect(size <= LODE_TASK_ERROR_MAX);
        fuzz_expect(lode_error_object_read(rest, size, &parts) == LODE_OK);
        fuzz_expect(lode_error_object_size(&parts) == size);
        fuzz_expect((uint32_t)parts.head.code == done->err && parts.head.task == done->task);
    } else {
        fuzz_expect(size <= (done->status == LODE_DONE_FAILED ? LODE_TASK_WHY_MAX : 0));
    }
}

static void
look_at(uint16_t type, const void *head, const uint64_t *numbers, uint32_t size)
{
    struct lode_task_recall recalled;
    struct lode_task_printed printed;
    struct lode_task_done done;
    if (type == LODE_TASK_DONE) {
        memcpy(&done, head, sizeof done);
        check_done(&done, numbers, size);
        note_given_back(done.task);
    } else if (type == LODE_TASK_RECALLED) {
        memcpy(&recalled, head, sizeof recalled);
        fuzz_expect(size == recalled.count * sizeof *numbers);
        for (uint32_t i = 0; i < recalled.count; i++) {
            note_given_back(numbers[i]);
        }
    } else if (type == LODE_TASK_PRINTED) {
        memcpy(&printed, head, sizeof printed);
        fuzz_expect(size == printed.size && size > 0);
    }
}

lode_err
lode_link_send(struct lode_link *link, uint16_t type, const void *head, uint32_t head_size,
               const void *rest, uint32_t rest_size, bool hold)
{
    (void)hold;
    fuzz_expect(link->is_open && type > 0 && type < LODE_TASK_MSG_END);
    fuzz_expect(head_size <= LODE_TASK_RECORD_MAX && rest_size <= LODE_TASK_RECORD_MAX - head_size);
    uint8_t *copy = fuzz_copy(head, head_size), *more = fuzz_copy(rest, rest_size);
    look_at(type, copy, (const uint64_t *)(const void *)more, rest_size);
    free(copy);
    free(more);
    return link->is_broken ? lode_fail_with(LODE_ECLOSED, "the link is closed") : LODE_OK;
}

void
lode_link_flush(struct lode_link *link)
{
    fuzz_expect(link->is_open);
}

lode_err
lode_link_drain(struct lode_link *link, int64_t timeout_ms)
{
    (void)timeout_ms;
    fuzz_expect(link->is_open);
    return LODE_OK;
}

void
lode_link_dial_no_more(struct lode_link *link)
{
    fuzz_expect(link->is_open);
}

void
lode_link_count(struct lode_link *link, struct lode_link_counters *counters_out)
{
    fuzz_expect(link->is_open);
    *counters_out = (struct lode_link_counters){0};
}

lode_err
lode_link_try_failed(struct lode_link *link)
{
    fuzz_expect(link->is_open);
    return LODE_OK;
}

void
lode_link_close(struct lode_link *link)
{
    if (link != NULL) {
        fuzz_expect(link->is_open);
        link->is_open = false;
    }
}

/* The scheduler is gone, or has said what it must not say. */
static void
link_break(lode_err why)
{
    if (the_link.is_open && !the_link.is_broken) {
        the_link.is_broken = true;
        the_link.events.broken(the_link.events.arg, why);
    }
}

/* A batch of one record. A record that breaks a rule ends the link. */
static void
link_brings(uint16_t type, const void *bytes, size_t size)
{
    uint64_t task = 0;
    if (!the_link.is_open || the_link.is_broken) {
        return;
    }
    uint8_t *copy = fuzz_copy(bytes, size);
    if (type == LODE_TASK_RUN && size >= sizeof(struct lode_task_run)) {
        struct lode_task_run *run = (void *)copy;
        task = run->task %= NAMES_OF_TASKS; /* each is counted */
    }
    lode_err err = the_link.events.record(the_link.events.arg, type, copy, (uint32_t)size);
    if (err == LODE_OK && type == LODE_TASK_RUN) {
        given[task]++;
    }
    if (err == LODE_OK && the_link.events.batch_end != NULL) {
        the_link.events.batch_end(the_link.events.arg);
    }
    free(copy);
    if (err != LODE_OK) {
        link_break(err);
    }
}

/* ---- threads, and what else is not there ----------------------------------------------------- */

bool __wrap_lode_cond_wait(struct lode_cond *cond, struct lode_mutex *mu, long long deadline_ns);
lode_err __wrap_lode_wire_start(void);
void __wrap_lode_later_call(struct lode_later *later, int64_t delay_ns);
lode_err __wrap_lode_starting_wait(const char *dir, int64_t deadline);
lode_err __wrap_lode_socket_send(int fd, const void *head, size_t head_size, const void *rest,
                                 size_t rest_size, const int *fds, size_t fd_count);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_join(pthread_t thread, void **result);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
int __real_pthread_join(pthread_t thread, void **result);
lode_err __wrap_printing_renew(struct printing *printing, uint64_t program);
void __real_lode_task_output_print(const struct lode_task_output *head, const char *name,
                                   const char *text, const char *logs);
void __wrap_lode_task_output_print(const struct lode_task_output *head, const char *name,
                                   const char *text, const char *logs);
void __real_lode_task_output_write(const char *logs);
void __wrap_lode_task_output_write(const char *logs);

bool
__wrap_lode_cond_wait(struct lode_cond *cond, struct lode_mutex *mu, long long deadline_ns)
{
    (void)cond, (void)deadline_ns;
    lode_mutex_unlock(mu);
    if (script->left > 0) {
        next_record();
    } else {
        fuzz_expect(the_link.is_open && !the_link.is_broken); /* or it would wait for ever */
        link_break(LODE_EDOWN);
    }
    lode_mutex_lock(mu);
    return true;
}

/* What is held back goes out with what comes next, as in a worker whose tasks are short. */
void
__wrap_lode_later_call(struct lode_later *later, int64_t delay_ns)
{
    (void)later, (void)delay_ns;
}

lode_err
__wrap_lode_wire_start(void)
{
    return LODE_OK;
}

lode_err
__wrap_lode_starting_wait(const char *dir, int64_t deadline)
{
    (void)dir, (void)deadline;
    return LODE_EDOWN;
}

lode_err
__wrap_lode_socket_send(int fd, const void *head, size_t head_size, const void *rest,
                        size_t rest_size, const int *fds, size_t fd_count)
{
    (void)fd, (void)head, (void)rest, (void)fds;
    fuzz_expect(head_size == sizeof(struct lode_rendezvous_hello) && rest_size + fd_count == 0);
    return LODE_OK;
}

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                      void *arg)
{
    (void)attr, (void)run, (void)arg;
    *thread = pthread_self();
    return 0;
}

int
__wrap_pthread_join(pthread_t thread, void **result)
{
    (void)thread, (void)result;
    return 0;
}

/* The stdout of the target stays what it is. */
lode_err
__wrap_printing_renew(struct printing *printing, uint64_t program)
{
    (void)printing;
    return program % 4 == 3 ? lode_fail_with(LODE_ELIMIT, "no descriptor is left") : LODE_OK;
}

/* As the program would see it, and out of sight. */
void
__wrap_lode_task_output_print(const struct lode_task_output *head, const char *name,
                              const char *text, const char *logs)
{
    FILE *terminal = stderr;
    stderr = nowhere;
    __real_lode_task_output_print(head, name, text, logs);
    stderr = terminal;
}

void
__wrap_lode_task_output_write(const char *logs)
{
    FILE *terminal = stderr;
    stderr = nowhere;
    __real_lode_task_output_write(logs);
    stderr = terminal;
}

static void *
speak(void *arg)
{
    (void)arg;
    next_record();
    return NULL;
}

/*
 * Beside a store that does not answer. On a thread of its own, as records come: the one that waits
 * may hold locks.
 */
static void
scheduler_speaks(void)
{
    pthread_t thread;
    if (the_link.is_open) {
        fuzz_expect(__real_pthread_create(&thread, NULL, speak, NULL) == 0);
        fuzz_expect(__real_pthread_join(thread, NULL) == 0);
    }
}

static void
orders_begin(struct fuzz_input *input)
{
    if (nowhere == NULL) {
        nowhere = fopen("/dev/null", "w");
        fuzz_expect(nowhere != NULL);
    }
    the_link = (struct lode_link){.is_open = false};
    memset(given, 0, sizeof given);
    meanwhile = scheduler_speaks;
    store_begin(input);
}

/* ---- the rendezvous -------------------------------------------------------------------------- */

/* The scheduler's welcome, as the input says. */
static lode_err
receive_welcome(void *buffer, size_t room, size_t *size_out)
{
    struct lode_rendezvous_welcome welcome = {.magic = LODE_RENDEZVOUS_MAGIC,
                                              .major = LODE_RENDEZVOUS_MAJOR,
                                              .session = 9,
                                              .endpoint = "/d/9"};
    uint8_t op = fuzz_u8(script);
    *size_out = sizeof welcome;
    switch (op % 8) {
    case 1:
        return lode_fail_with(LODE_EDOWN, "the other side is gone");
    case 2:
        welcome.err = fuzz_u8(script);
        break;
    case 3:
        welcome.major = fuzz_u8(script);
        break;
    case 4:
        *size_out = fuzz_u8(script) % sizeof welcome + 1;
        break;
    case 5:
        fuzz_bytes(script, (uint8_t *)&welcome + fuzz_u8(script) % (sizeof welcome - 8), 8);
        break;
    case 6:
        memset(welcome.endpoint, fuzz_u8(script), sizeof welcome.endpoint);
        break;
    default:
        break;
    }
    fuzz_expect(room == sizeof welcome);
    memcpy(buffer, &welcome, *size_out);
    return LODE_OK;
}

/* ---- task libraries -------------------------------------------------------------------------- */

lode_err __wrap_library_open(const char *path, const struct library **library_out);
lode_err __wrap_library_function(const struct library *library, const char *name,
                                 const lode_function **function_out);
lode_err __wrap_library_describe(const struct library *library, void **bytes_out, size_t *size_out);

/* The function that each task runs. */
static lode_err task_body(lode_task *task);

lode_err
__wrap_library_open(const char *path, const struct library **library_out)
{
    if (strlen(path) % 4 == 3) {
        return lode_fail_with(LODE_ELIBRARY, "there is no library at %s", path);
    }
    *library_out = (const struct library *)path;
    return LODE_OK;
}

lode_err
__wrap_library_function(const struct library *library, const char *name,
                        const lode_function **function_out)
{
    static const lode_function any = {"body", "(x: any, y: any, ...)", task_body, 1};
    (void)library;
    *function_out = &any;
    return strlen(name) % 4 == 3 ? lode_fail_with(LODE_ELIBRARY, "no function %s", name) : LODE_OK;
}

lode_err
__wrap_library_describe(const struct library *library, void **bytes_out, size_t *size_out)
{
    (void)library;
    *size_out = 4;
    *bytes_out = fuzz_copy("a.b", 4);
    return LODE_OK;
}

#endif
