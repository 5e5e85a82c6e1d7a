#include "scheduler/core/libraries/loads.h"

#include "scheduler/core/state/actions.h"
#include "scheduler/core/state/errors.h"
#include "scheduler/core/libraries/description.h"
#include "scheduler/core/libraries/functions.h"
#include "scheduler/core/libraries/names.h"
#include "scheduler/core/libraries/offers.h"
#include "scheduler/core/libraries/resolve.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/state/speaker.h"
#include "scheduler/core/state/workers.h"

#include <stdio.h>

enum { PATH_BYTES_MAX = 4095 };

/* ---- loading -------------------------------------------------------------------------------- */

static void
send_loaded(struct core *core, uint64_t session, uint32_t tag, lode_err err, const char *text)
{
    uint32_t text_size = (uint32_t)strlen(text);
    struct lode_task_loaded *loaded =
        core_send(core, core_session_find(core, session), LODE_TASK_LOADED,
                  (uint32_t)sizeof *loaded + text_size);
    if (loaded != NULL) {
        *loaded = (struct lode_task_loaded){.tag = tag, .err = err};
        memcpy(loaded + 1, text, text_size);
    }
}

static struct core_load *
start_load(struct core *core, const char *source)
{
    struct core_load *load = core_alloc(sizeof *load);
    *load = (struct core_load){.cookie = ++core->next_cookie};
    load->builtin = core->builtin_path != NULL && strcmp(source, core->builtin_path) == 0;
    load->source = core_copy_text(source);
    TAILQ_INSERT_TAIL(&core->loads, load, link);
    uint32_t size = (uint32_t)strlen(source) + 1;
    memcpy(core_emit(core, CORE_COPY_LIBRARY, 0, load->cookie, 0, size), source, size);
    return load;
}

/* `request` says the rest. */
static void
add_request(struct core_load *load, struct core_request said, const char *function)
{
    struct core_request *request = core_alloc(sizeof *request);
    *request = said;
    request->next = load->requests;
    request->function = core_copy_text(function);
    load->requests = request;
}

static void
load_builtin(struct core *core, struct core_session *session, uint32_t tag, const char *name)
{
    struct core_load *load;
    TAILQ_FOREACH(load, &core->loads, link)
    {
        if (load->builtin) {
            break;
        }
    }
    if (load == NULL) {
        load = start_load(core, core->builtin_path);
    }
    add_request(load, (struct core_request){.session = session->number, .tag = tag}, name);
}

/*
 * The program in whose name space the library was asked for; NULL: it is gone. It outlives its root
 * session as long as a task of it runs, which may be the one that asks.
 */
static struct core_program *
program_of(struct core *core, const struct core_request *request)
{
    const struct core_session *root = core_session_find(core, request->program);
    const struct core_session *session = core_session_find(core, request->session);
    const struct core_task *task =
        session != NULL ? core_speaker_task(core, session, request->parent) : NULL;
    struct core_program *program = root != NULL   ? root->program
                                   : task != NULL ? task->lane->program
                                                  : NULL;
    return program != NULL && program->number == request->program ? program : NULL;
}

/* The library is in the table: its name stands for it, for those who asked. */
static void
finish_request(struct core *core, const struct core_load *load, struct core_library *library,
               const struct core_request *request)
{
    char text[1024];
    struct core_program *program = program_of(core, request);
    bool is_for_all = (request->flags & LODE_LOAD_FOR_ALL) != 0;
    if (program == NULL && !is_for_all) {
        send_loaded(core, request->session, request->tag, LODE_ECLOSED,
                    "the program for which it was loaded has ended");
        return;
    }
    lode_err err = core_names_bind(core, is_for_all ? NULL : program, library, load->source,
                                   request->flags, text, sizeof text);
    send_loaded(core, request->session, request->tag, err, err == LODE_OK ? library->name : text);
}

static void
remove_copy(struct core *core, const char *path)
{
    uint32_t size = (uint32_t)strlen(path) + 1;
    memcpy(core_emit(core, CORE_REMOVE_COPY, 0, 0, 0, size), path, size);
}

/* True if a load is on its way that has this copy, or may have it: its own is not known yet. */
static bool
may_be_loading(const struct core *core, const char *path)
{
    const struct core_load *load;
    TAILQ_FOREACH(load, &core->loads, link)
    {
        if (load->path == NULL || strcmp(load->path, path) == 0) {
            return true;
        }
    }
    return false;
}

static bool
is_needed(const struct core_library *library)
{
    uint64_t tasks = library->names;
    for (uint32_t i = 0; i < library->count && tasks == 0; i++) {
        const struct core_function *function = library->function[i];
        tasks += function->waiting + function->ready + function->placed;
    }
    return tasks > 0 || library->is_builtin;
}

void
core_libraries_tidy(struct core *core)
{
    core->names_changed = false;
    for (struct core_library *l = core->libraries; l != NULL; l = l->next) {
        if (!l->gone && !is_needed(l) && !may_be_loading(core, l->path)) {
            l->gone = true;
            remove_copy(core, l->path);
        }
    }
}

/* What an earlier scheduler offered is in the table. `library` NULL: it is not, and `text` why. */
static void
offer_again(struct core *core, struct core_load *load, struct core_library *library,
            const char *text)
{
    char why[1024];
    if (library != NULL) {
        snprintf(why, sizeof why, "%.400s calls itself \"%s\" by now", load->source, library->name);
        (void)!core_names_bind(core, NULL, library, load->source, 0, why, sizeof why);
        text = why;
    }
    if (load->offer != NULL) { /* it was not bound */
        core_offer_lose(core, load->offer, text);
    }
}

/* `library` NULL: there is none, and `err` and `text` say why. */
static void
finish_load(struct core *core, struct core_load *load, struct core_library *library, lode_err err,
            const char *text)
{
    TAILQ_REMOVE(&core->loads, load, link);
    if (load->worker != NULL) {
        load->worker->describing = NULL;
        core_worker_relist(core, load->worker);
    }
    char why[1024];
    if (library != NULL && library->is_builtin) {
        (void)!core_names_bind(core, NULL, library, load->source, LODE_LOAD_REPLACE, why,
                               sizeof why);
    }
    bool was_offered = load->offer != NULL;
    if (was_offered) {
        offer_again(core, load, library, text);
    }
    struct core_request *request;
    while ((request = load->requests) != NULL) {
        load->requests = request->next;
        struct core_session *session = core_session_find(core, request->session);
        if (request->function == NULL && library != NULL) {
            finish_request(core, load, library, request);
        } else if (request->function == NULL) {
            send_loaded(core, request->session, request->tag, err, text);
        } else if (session != NULL && (library != NULL || was_offered)) {
            const struct lode_task_resolve asked = {.tag = request->tag, .parent = request->parent};
            core_resolve_name(core, session, &asked, request->function);
        } else {
            core_send_resolved(core, request->session, request->tag, err, NULL, text);
        }
        free(request->function);
        free(request);
    }
    if (library == NULL && load->path != NULL && !may_be_loading(core, load->path)) {
        remove_copy(core, load->path);
    }
    free(load->source);
    free(load->path);
    free(load);
}

/* The text of a record behind its struct, as a string. False: it is not one. */
static bool
record_text(const void *bytes, uint32_t size, uint32_t head, char *text_out, size_t room)
{
    if (size < head) {
        return false;
    }
    const char *text = (const char *)bytes + head;
    size_t text_size = strnlen(text, size - head);
    if (text_size == 0 || text_size >= room || text_size + 1 < size - head) {
        return false;
    }
    memcpy(text_out, text, text_size);
    text_out[text_size] = '\0';
    return true;
}

void
core_load_library(struct core *core, struct core_session *session, const void *bytes, uint32_t size)
{
    char path[PATH_BYTES_MAX + 1];
    const struct lode_task_load *message = bytes;
    if (!record_text(bytes, size, sizeof *message, path, sizeof path) || path[0] != '/') {
        core_cut(core, session, LODE_EPROTO, "a LOAD of %u bytes has no absolute path", size);
        return;
    }
    struct core_request request = {.session = session->number,
                                   .program =
                                       core_names_program(core, session, message->parent)->number,
                                   .parent = message->parent,
                                   .tag = message->tag,
                                   .flags = message->flags};
    add_request(start_load(core, path), request, NULL);
}

void
core_load_offer(struct core *core, const char *name, const char *source)
{
    core_offer_add(core, name, start_load(core, source));
}

/* NULL: the function's library is there, or nothing is known of it that might come. */
static struct core_load *
load_of_offer(struct core *core, struct core_session *session, uint64_t parent, const char *name)
{
    size_t size = core_library_part(name);
    const struct core_offer *offer = core_offer_find(core, name, size);
    bool waits = offer != NULL && core_names_find(core, core_names_program(core, session, parent),
                                                  name, size) == NULL;
    return waits ? offer->load : NULL;
}

/* True if the name is one of the built-in library's, which is not there yet. */
static bool
is_builtin(const struct core *core, const char *name)
{
    size_t size = core_library_part(name);
    return size > 0 && core->builtin_path != NULL && strlen(core->builtin_name) == size &&
           memcmp(core->builtin_name, name, size) == 0 && !core_names_offered(core, name, size);
}

void
core_resolve(struct core *core, struct core_session *session, const void *bytes, uint32_t size)
{
    char name[LODE_TASK_NAME_MAX + 1];
    const struct lode_task_resolve *message = bytes;
    if (!record_text(bytes, size, sizeof *message, name, sizeof name)) {
        core_cut(core, session, LODE_EPROTO, "a RESOLVE of %u bytes has no name", size);
        return;
    }
    struct core_load *load = load_of_offer(core, session, message->parent, name);
    if (load != NULL) {
        struct core_request request = {
            .session = session->number, .parent = message->parent, .tag = message->tag};
        add_request(load, request, name);
    } else if (is_builtin(core, name)) {
        load_builtin(core, session, message->tag, name);
    } else {
        core_resolve_name(core, session, message, name);
    }
}

void
core_library_copied(struct core *core, const struct core_event *event)
{
    struct core_load *load;
    TAILQ_FOREACH(load, &core->loads, link)
    {
        if (load->cookie == event->u.copied.cookie) {
            break;
        }
    }
    if (load == NULL || load->path != NULL) {
        return;
    }
    if (event->u.copied.err != LODE_OK) {
        const char *text = event->u.copied.text;
        finish_load(core, load, NULL, (lode_err)event->u.copied.err,
                    text != NULL && text[0] ? text : "the library cannot be copied");
        return;
    }
    struct core_library *known = core_library_at_path(core, event->u.copied.path);
    if (known != NULL) {
        finish_load(core, load, known, LODE_OK, NULL);
        return;
    }
    load->path = core_copy_text(event->u.copied.path);
}

/* ---- describing ----------------------------------------------------------------------------- */

static struct core_load *
load_that_waits(const struct core *core)
{
    struct core_load *load;
    TAILQ_FOREACH(load, &core->loads, link)
    {
        if (load->path != NULL && load->worker == NULL) {
            return load;
        }
    }
    return NULL;
}

bool
core_describe_waits(const struct core *core)
{
    return !TAILQ_EMPTY(&core->loads) && load_that_waits(core) != NULL;
}

void
core_describe_next(struct core *core)
{
    struct core_load *load;
    while (!TAILQ_EMPTY(&core->idle) && (load = load_that_waits(core)) != NULL) {
        struct core_worker *worker = TAILQ_FIRST(&core->idle);
        load->worker = worker;
        load->since = core->now;
        worker->describing = load;
        core->pool_changed = true;
        core_worker_relist(core, worker);
        uint32_t path_size = (uint32_t)strlen(load->path) + 1;
        struct lode_task_load *message = core_send(core, worker->session, LODE_TASK_DESCRIBE,
                                                   (uint32_t)sizeof *message + path_size);
        if (message != NULL) {
            *message = (struct lode_task_load){.tag = (uint32_t)load->cookie};
            memcpy(message + 1, load->path, path_size);
        }
    }
}

void
core_describe_hangs(struct core *core, struct core_worker *worker)
{
    struct core_load *load = worker->describing;
    char text[1024];
    snprintf(text, sizeof text,
             "%.600s was not open after %d s: a constructor of it does not return; the worker (pid "
             "%lld) was ended",
             load->source, (int)core->options.load_s, (long long)worker->pid);
    core_worker_kill(core, worker);
    finish_load(core, load, NULL, LODE_ELIBRARY, text);
}

void
core_describe_died(struct core *core, struct core_worker *worker)
{
    struct core_load *load = worker->describing;
    worker->describing = NULL;
    load->worker = NULL;
    if (++load->deaths < CORE_DESCRIBE_MAX && worker->death->signal == 9) {
        return; /* killed from outside: another one tries */
    }
    char death[128], text[512];
    core_describe_death(worker->death, death, sizeof death);
    snprintf(text, sizeof text, "a worker that opened %.300s %s", load->source, death);
    finish_load(core, load, NULL, LODE_ELIBRARY, text);
}

void
core_describe_fail_all(struct core *core, lode_err err, const char *why)
{
    struct core_load *load;
    while ((load = load_that_waits(core)) != NULL) {
        finish_load(core, load, NULL, err, why);
    }
}

/* NULL: the description breaks a rule, and text_out says which. */
static struct core_library *
add_library(struct core *core, const struct core_load *load, const char *text, uint32_t size,
            char *text_out, size_t room)
{
    const char *name = core_description_check(text, size, text_out, room);
    if (name == NULL) {
        return NULL;
    }
    if (!load->builtin && core_names_reserved(core, name)) {
        snprintf(
            text_out, room,
            "it calls itself \"%s\", which is a name of lode's own: another one is to stand in "
            "its LODE_LIBRARY()",
            name);
        return NULL;
    }
    struct core_library *library = core_library_add(core, name, load->path);
    library->is_builtin = load->builtin;
    core_description_add(core, library, text, size);
    return library;
}

/* A worker knows the copy alone. People are told of the file that they have, at the beginning. */
static void
name_source(const struct core_load *load, char *text_out, size_t room, const char *text, int size)
{
    char said[1024];
    snprintf(said, sizeof said, "%.*s", size, text);
    const char *copy = strstr(said, load->path);
    int before = copy != NULL ? (int)(copy - said) : 0;
    const char *after = copy != NULL ? copy + strlen(load->path) : said;
    after += strncmp(after, ": ", 2) == 0 ? 2 : 0;
    snprintf(text_out, room, "%.300s: %.*s%s", load->source, before, said, after);
}

void
core_described(struct core *core, struct core_session *session, const void *bytes, uint32_t size)
{
    const struct lode_task_loaded *message = bytes;
    struct core_worker *worker = session->worker;
    struct core_load *load = worker->describing;
    if (size < sizeof *message || load == NULL || message->tag != (uint32_t)load->cookie) {
        core_cut(core, session, LODE_EPROTO, "a DESCRIBED of %u bytes that nobody asked for", size);
        return;
    }
    const char *text = (const char *)(message + 1);
    uint32_t text_size = size - (uint32_t)sizeof *message;
    char why[1024];
    if (message->err == LODE_EAGAIN) { /* the worker cannot serve another program */
        load->worker = NULL;
        worker->describing = NULL;
        core_worker_replace(core, worker);
        return;
    }
    if (message->err != LODE_OK) {
        name_source(load, why, sizeof why, text, (int)strnlen(text, text_size));
        finish_load(core, load, NULL, (lode_err)message->err, why);
        return;
    }
    struct core_library *library = core_library_at_path(core, load->path);
    if (library == NULL) {
        library = add_library(core, load, text, text_size, why, sizeof why);
    }
    if (library == NULL) {
        finish_load(core, load, NULL, LODE_ELIBRARY, why);
        return;
    }
    core_worker_hold(worker, library);
    if (core_worker_conflicts(worker, library)) {
        worker->stale = true;
        core->pool_changed = true;
    }
    finish_load(core, load, library, LODE_OK, NULL);
}

void
core_loads_fini(struct core *core)
{
    struct core_load *load;
    while ((load = TAILQ_FIRST(&core->loads)) != NULL) {
        finish_load(core, load, NULL, LODE_EDOWN, "the scheduler ends");
    }
}
