/*
 * core_daemon.h: the daemon around the core that fuzz_core.c plays with. It carries out nothing. It
 * notes what the core waits for, and looks whether what the core sends makes sense.
 */
#ifndef TESTS_FUZZ_CORE_DAEMON_H
#define TESTS_FUZZ_CORE_DAEMON_H

#include "api/layout/error_object.h"
#include "api/layout/id.h"
#include "api/wire/rendezvous_msg.h"
#include "scheduler/core/check.h"
#include "scheduler/core/core.h"
#include "scheduler/core/stats.h"
#include "scheduler/store/store_async.h"
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <lode/task.h>
#include <signal.h>

enum { SESSIONS = 16, WORKERS = 64, ASKED = 512, TASKS = 64, IDS = 1024, RECORD = 1024 };
enum { STEPS_A_CHECK = 16 }; /* the core is walked through so often, and at the end of an input */

/* Something that the core waits for. */
struct asked {
    uint16_t type; /* enum core_action_type; 0: free */
    uint64_t cookie;
    uint32_t count;
    lode_id *ids; /* of a WATCH */
};

enum worker_state { WORKER_NONE, WORKER_ASKED, WORKER_RUNS };

static struct core *core;
static int64_t now_ns;
static uint64_t open_sessions[SESSIONS]; /* 0: none; the daemon's numbers are never used again */
static uint64_t submissions[SESSIONS];
static uint64_t last_session;
static enum worker_state workers[WORKERS];
static struct asked *asked[ASKED];
static uint64_t tasks[TASKS];
static uint32_t task_count, tag, steps;
static uint64_t list_at; /* of the last question LIST */
static bool timer_is_set;

/* ---- the daemon ---------------------------------------------------------------------------- */

static void
note_asked(const struct core_action *action, uint32_t count)
{
    for (int i = 0; i < ASKED; i++) {
        if (asked[i] == NULL) {
            asked[i] = malloc(sizeof *asked[i]);
            fuzz_expect(asked[i] != NULL && count <= IDS);
            asked[i]->type = action->type;
            asked[i]->cookie = action->cookie;
            asked[i]->count = count;
            asked[i]->ids = fuzz_copy(core_action_bytes(action), count * sizeof(lode_id));
            return;
        }
    }
    /* More than that is never answered: the store and the helpers may be slow. */
}

static void
forget_asked(int i)
{
    if (asked[i] != NULL) {
        free(asked[i]->ids);
    }
    free(asked[i]);
    asked[i] = NULL;
}

/* One id of a WATCH is not wanted any more; the others of the same packet are. */
static void
forget_watched(int i, lode_id id)
{
    for (uint32_t at = 0; at < asked[i]->count; at++) {
        if (lode_id_same(asked[i]->ids[at], id)) {
            asked[i]->ids[at] = asked[i]->ids[--asked[i]->count];
            break;
        }
    }
    if (asked[i]->count == 0) {
        forget_asked(i);
    }
}

/* ---- what the core says ---------------------------------------------------------------------- */

/* Lines of at most LODE_OUTPUT_LINE_MAX bytes, each with its line feed, and whose they are. */
static void
check_output(const void *bytes, uint32_t size)
{
    const struct lode_task_output *head = bytes;
    fuzz_expect(size > sizeof *head && head->name_size <= LODE_TASK_NAME_MAX);
    fuzz_expect(head->text_size > 0 && head->name_size + head->text_size == size - sizeof *head);
    const char *line = (const char *)(head + 1) + head->name_size, *end = line + head->text_size;
    while (line < end) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        fuzz_expect(feed != NULL && feed - line <= LODE_OUTPUT_LINE_MAX);
        line = feed + 1;
    }
}

/* JSON in UTF-8, and a zero, whatever the names in it are; what stands before it is `head`. */
static void
check_document(const void *bytes, uint32_t size, uint32_t head)
{
    fuzz_expect(size > head && ((const char *)bytes)[size - 1] == '\0');
    const char *text = (const char *)bytes + head;
    fuzz_expect(strlen(text) + 1 == size - head);
    json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    fuzz_expect(json_is_object(document));
    json_decref(document);
}

/* Who asks again and again where the answer says comes to its end. */
static void
check_list(const void *bytes, uint32_t size)
{
    const struct lode_task_list *head = bytes;
    check_document(bytes, size, sizeof *head);
    fuzz_expect(head->err == LODE_OK && (head->at == 0 || head->at > list_at));
}

static void
on_send(const struct core_action *action)
{
    const void *bytes = core_action_bytes(action);
    fuzz_expect(action->size <= LODE_TASK_RECORD_MAX);
    switch (action->message) {
    case LODE_TASK_RUN:
        tasks[task_count++ % TASKS] = ((const struct lode_task_run *)bytes)->task;
        fuzz_expect(((const struct lode_task_run *)bytes)->program != 0);
        break;
    case LODE_TASK_DESCRIBE:
        tag = ((const struct lode_task_load *)bytes)->tag;
        break;
    case LODE_TASK_OUTPUT:
        check_output(bytes, action->size);
        break;
    case LODE_TASK_STATS_ARE:
        check_document(bytes, action->size, sizeof(struct lode_task_stats));
        break;
    case LODE_TASK_LISTED:
        check_list(bytes, action->size);
        break;
    default:
        break;
    }
}

/* The id of a line of the log, and its text: two strings. */
static void
check_log(const struct core_action *action)
{
    const char *id = core_action_bytes(action);
    size_t size = strnlen(id, action->size);
    fuzz_expect(size > 0 && size < action->size);
    fuzz_expect(size + 1 + strlen(id + size + 1) + 1 <= action->size);
}

static void
check_path(const struct core_action *action)
{
    const char *path = core_action_bytes(action);
    fuzz_expect(path[0] == '/' && strlen(path) + 1 == action->size);
}

/* The store takes it, and its short form is to be had. */
static void
check_error(const struct core_put_error *put)
{
    uint8_t brief[LODE_ERROR_SHORT_BYTES];
    fuzz_expect(put->error_size <= LODE_STORE_ERROR_MAX && put->result_count > 0);
    fuzz_expect(lode_error_object_shorten(put + 1, put->error_size, brief) == LODE_OK);
}

static void
carry_out(const struct core_action *action)
{
    switch (action->type) {
    case CORE_SEND:
        on_send(action);
        break;
    case CORE_SPAWN:
        if (action->target < WORKERS) {
            fuzz_expect(workers[action->target] == WORKER_NONE);
            workers[action->target] = WORKER_ASKED;
        }
        break;
    case CORE_WATCH:
    case CORE_SETTLE:
    case CORE_RESULTS:
        fuzz_expect(action->size % sizeof(lode_id) == 0);
        note_asked(action, action->size / (uint32_t)sizeof(lode_id));
        break;
    case CORE_UNWATCH:
        fuzz_expect(action->size == sizeof(lode_id));
        for (int i = 0; i < ASKED; i++) {
            if (asked[i] != NULL && asked[i]->type == CORE_WATCH &&
                asked[i]->cookie == action->cookie) {
                forget_watched(i, *(const lode_id *)core_action_bytes(action));
            }
        }
        break;
    case CORE_PUT_ERROR:
        check_error(core_action_bytes(action));
        note_asked(action, 0);
        break;
    case CORE_REPORT:
        note_asked(action, 0);
        break;
    case CORE_COPY_LIBRARY:
        check_path(action);
        note_asked(action, 0);
        break;
    case CORE_REMOVE_COPY:
        check_path(action);
        break;
    case CORE_KILL:
        fuzz_expect(action->value == SIGTERM || action->value == SIGKILL);
        break;
    case CORE_SPILL:
        check_output(core_action_bytes(action), action->size);
        break;
    case CORE_LOG:
        check_log(action);
        break;
    case CORE_ARM_TIMER:
        timer_is_set = action->value != 0;
        break;
    default:
        break;
    }
}

static void
step(struct core_event *event)
{
    const struct core_action *action;
    event->now_ns = now_ns += 1000;
    core_step(core, event);
    while ((action = core_next_action(core)) != NULL) {
        carry_out(action);
    }
    if (++steps % STEPS_A_CHECK == 0) {
        core_check(core);
    }
}

#endif
