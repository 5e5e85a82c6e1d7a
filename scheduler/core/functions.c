/*
 * functions.c: the table of libraries and functions, and which worker has opened what.
 *
 *   LOAD --core_load_library()--> COPY_LIBRARY --core_library_copied()--> waits for a free worker
 *        --core_describe_next()--> DESCRIBE --core_described()--> in the table, LOADED
 *
 * Versions of a library are told apart by the path of their copy. An older one stays in the table:
 * functions keep their numbers, and tasks that were submitted with them run it.
 */
#include "scheduler/core/state.h"

#include <stdarg.h>
#include <stdio.h>

enum { PATH_BYTES_MAX = 4095, FUNCTIONS_FIRST = 64 };

/* ---- looking up ----------------------------------------------------------------------------- */

struct core_function *
core_function_at(const struct core *core, uint32_t number)
{
    return number >= 1 && number <= core->function_count ? core->function[number - 1] : NULL;
}

static struct core_library *
library_named(const struct core *core, const char *name, size_t size)
{
    struct core_library *library = core->libraries;
    while (library != NULL && !(library->current && strlen(library->name) == size &&
                                memcmp(library->name, name, size) == 0)) {
        library = library->next;
    }
    return library;
}

static struct core_library *
library_at_path(const struct core *core, const char *path)
{
    struct core_library *library = core->libraries;
    while (library != NULL && strcmp(library->path, path) != 0) {
        library = library->next;
    }
    return library;
}

static struct core_function *
function_named(const struct core_library *library, const char *symbol)
{
    for (uint32_t i = 0; i < library->count; i++) {
        if (strcmp(library->function[i]->symbol, symbol) == 0) {
            return library->function[i];
        }
    }
    return NULL;
}

/* ---- workers and libraries ------------------------------------------------------------------ */

bool
core_worker_knows(const struct core_worker *worker, const struct core_function *function)
{
    uint32_t word = function->number / 64;
    return word < worker->known_words && (worker->known[word] >> (function->number % 64) & 1) != 0;
}

static bool
holds(const struct core_worker *worker, const struct core_library *library)
{
    for (uint32_t i = 0; i < worker->held_count; i++) {
        if (worker->held[i] == library) {
            return true;
        }
    }
    return false;
}

bool
core_worker_conflicts(const struct core_worker *worker, const struct core_library *library)
{
    for (uint32_t i = 0; i < worker->held_count; i++) {
        if (worker->held[i] != library && strcmp(worker->held[i]->name, library->name) == 0) {
            return true;
        }
    }
    return false;
}

static void
hold(struct core_worker *worker, struct core_library *library)
{
    if (holds(worker, library)) {
        return;
    }
    worker->held =
        core_realloc(worker->held, (worker->held_count + 1) * sizeof(struct core_library *));
    worker->held[worker->held_count++] = library;
}

static void
note_known(struct core_worker *worker, uint32_t number)
{
    uint32_t word = number / 64;
    if (word >= worker->known_words) {
        uint32_t words = word + 4;
        worker->known = core_realloc(worker->known, words * sizeof *worker->known);
        memset(worker->known + worker->known_words, 0,
               (words - worker->known_words) * sizeof *worker->known);
        worker->known_words = words;
    }
    worker->known[word] |= UINT64_C(1) << (number % 64);
}

void
core_worker_teach(struct core *core, struct core_worker *worker, struct core_function *function)
{
    if (core_worker_knows(worker, function)) {
        return;
    }
    note_known(worker, function->number);
    hold(worker, function->library);
    size_t path = strlen(function->library->path) + 1, symbol = strlen(function->symbol) + 1;
    size_t name = strlen(function->name) + 1;
    struct lode_task_function *message =
        core_send(core, worker->session, LODE_TASK_FUNCTION,
                  (uint32_t)(sizeof *message + path + symbol + name));
    if (message == NULL) {
        return;
    }
    *message =
        (struct lode_task_function){.function = function->number, .results = function->results};
    char *at = (char *)(message + 1);
    memcpy(at, function->library->path, path);
    memcpy(at + path, function->symbol, symbol);
    memcpy(at + path + symbol, function->name, name);
}

/* ---- answers -------------------------------------------------------------------------------- */

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

static void
send_resolved(struct core *core, uint64_t session, uint32_t tag,
              const struct core_function *function, const char *text)
{
    uint32_t text_size = (uint32_t)strlen(text);
    struct lode_task_resolved *resolved =
        core_send(core, core_session_find(core, session), LODE_TASK_RESOLVED,
                  (uint32_t)sizeof *resolved + text_size);
    if (resolved == NULL) {
        return;
    }
    *resolved = (struct lode_task_resolved){.tag = tag, .err = LODE_ELIBRARY};
    if (function != NULL) {
        resolved->err = LODE_OK;
        resolved->function = function->number;
        resolved->results = function->results;
    }
    memcpy(resolved + 1, text, text_size);
}

static void append(char *text, size_t room, const char *format, ...) LODE_PRINTF(3, 4);

static void
append(char *text, size_t room, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, room - used, format, args);
    va_end(args);
}

static void
say_no_library(const struct core *core, const char *name, size_t size, char *text, size_t room)
{
    snprintf(text, room,
             "no library \"%.*s\" is loaded: call lode_load() first; loaded:", (int)size, name);
    const char *before = " ";
    for (const struct core_library *l = core->libraries; l != NULL; l = l->next) {
        if (l->current) {
            append(text, room, "%s%s", before, l->name);
            before = ", ";
        }
    }
    if (before[0] == ' ') {
        append(text, room, " none");
    }
}

static void
say_no_function(const struct core_library *library, const char *symbol, char *text, size_t room)
{
    snprintf(text, room, "library \"%s\" has no function \"%s\"; it has:", library->name, symbol);
    for (uint32_t i = 0; i < library->count; i++) {
        append(text, room, "%s %s", i ? "," : "", library->function[i]->symbol);
    }
}

/* ---- loading -------------------------------------------------------------------------------- */

static struct core_load *
start_load(struct core *core, const char *source, bool builtin)
{
    struct core_load *load = core_alloc(sizeof *load);
    *load = (struct core_load){.cookie = core->next_cookie += 2, .builtin = builtin};
    load->source = strdup(source);
    LODE_ASSERT(load->source != NULL);
    TAILQ_INSERT_TAIL(&core->loads, load, link);
    uint32_t size = (uint32_t)strlen(source) + 1;
    memcpy(core_emit(core, CORE_COPY_LIBRARY, 0, load->cookie, 0, size), source, size);
    return load;
}

static void
add_request(struct core_load *load, const struct core_session *session, uint32_t tag,
            const char *function)
{
    struct core_request *request = core_alloc(sizeof *request);
    *request =
        (struct core_request){.next = load->requests, .session = session->number, .tag = tag};
    if (function != NULL) {
        request->function = strdup(function);
        LODE_ASSERT(request->function != NULL);
    }
    load->requests = request;
}

static struct core_load *
builtin_load(struct core *core)
{
    struct core_load *load;
    TAILQ_FOREACH(load, &core->loads, link)
    {
        if (load->builtin) {
            return load;
        }
    }
    return start_load(core, core->builtin_path, true);
}

/* Answers a RESOLVE; `load` false: a built-in library that is not there is not loaded for it. */
static void
resolve(struct core *core, struct core_session *session, uint32_t tag, const char *name, bool load)
{
    char text[1024];
    const char *dot = strrchr(name, '.');
    size_t library_size = dot != NULL ? (size_t)(dot - name) : 0;
    if (dot == NULL || library_size == 0 || dot[1] == '\0') {
        snprintf(text, sizeof text, "\"%.200s\" is no \"library.function\"", name);
        send_resolved(core, session->number, tag, NULL, text);
        return;
    }
    const struct core_library *library = library_named(core, name, library_size);
    if (library == NULL && load && core->builtin_path != NULL &&
        strlen(core->builtin_name) == library_size &&
        memcmp(core->builtin_name, name, library_size) == 0) {
        add_request(builtin_load(core), session, tag, name);
        return;
    }
    const struct core_function *function = NULL;
    text[0] = '\0';
    if (library == NULL) {
        say_no_library(core, name, library_size, text, sizeof text);
    } else if ((function = function_named(library, dot + 1)) == NULL) {
        say_no_function(library, dot + 1, text, sizeof text);
    }
    send_resolved(core, session->number, tag, function, text);
}

static void
finish_load(struct core *core, struct core_load *load, lode_err err, const char *text)
{
    TAILQ_REMOVE(&core->loads, load, link);
    if (load->worker != NULL) {
        load->worker->describing = NULL;
        core_worker_relist(core, load->worker);
    }
    struct core_request *request;
    while ((request = load->requests) != NULL) {
        load->requests = request->next;
        struct core_session *session = core_session_find(core, request->session);
        if (request->function == NULL) {
            send_loaded(core, request->session, request->tag, err, text);
        } else if (session != NULL && err == LODE_OK) {
            resolve(core, session, request->tag, request->function, false);
        } else {
            send_resolved(core, request->session, request->tag, NULL, text);
        }
        free(request->function);
        free(request);
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
core_resolve(struct core *core, struct core_session *session, const void *bytes, uint32_t size)
{
    char name[2 * LODE_NAME_MAX + 2];
    const struct lode_task_resolve *message = bytes;
    if (!record_text(bytes, size, sizeof *message, name, sizeof name)) {
        core_cut(core, session, LODE_EPROTO, "a RESOLVE of %u bytes has no name", size);
        return;
    }
    resolve(core, session, message->tag, name, true);
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
    add_request(start_load(core, path, false), session, message->tag, NULL);
}

static void
make_current(struct core *core, struct core_library *library)
{
    for (struct core_library *l = core->libraries; l != NULL; l = l->next) {
        if (strcmp(l->name, library->name) == 0) {
            l->current = l == library;
        }
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
        finish_load(core, load, (lode_err)event->u.copied.err,
                    text != NULL && text[0] ? text : "the library cannot be copied");
        return;
    }
    struct core_library *known = library_at_path(core, event->u.copied.path);
    if (known != NULL) {
        make_current(core, known);
        finish_load(core, load, LODE_OK, known->name);
        return;
    }
    load->path = strdup(event->u.copied.path);
    LODE_ASSERT(load->path != NULL);
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
    while (!TAILQ_EMPTY(&core->loads) && !TAILQ_EMPTY(&core->idle) &&
           (load = load_that_waits(core)) != NULL) {
        struct core_worker *worker = TAILQ_FIRST(&core->idle);
        load->worker = worker;
        worker->describing = load;
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
    finish_load(core, load, LODE_ELIBRARY, text);
}

void
core_describe_fail_all(struct core *core, lode_err err, const char *why)
{
    struct core_load *load;
    while ((load = load_that_waits(core)) != NULL) {
        finish_load(core, load, err, why);
    }
}

/* The next string of a description; NULL: it is cut, empty or not printable. */
static const char *
next_text(const char **at, const char *end, size_t longest)
{
    const char *text = *at;
    size_t size = strnlen(text, (size_t)(end - text));
    if (size == (size_t)(end - text) || size > longest) {
        return NULL;
    }
    *at = text + size + 1;
    return text;
}

static bool
is_name(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || *c == '.' || *c == '/' || *c == '"' || *c == 0x7f) {
            return false;
        }
    }
    return text[0] != '\0';
}

static void
add_function(struct core *core, struct core_library *library, const char *symbol, uint32_t results)
{
    struct core_function *function = core_alloc(sizeof *function);
    size_t prefix = strlen(library->name) + 1;
    *function = (struct core_function){.library = library, .results = results, .ramp = 1};
    function->name = core_alloc(prefix + strlen(symbol) + 1);
    sprintf(function->name, "%s.%s", library->name, symbol);
    function->symbol = function->name + prefix;
    if (core->function_count == core->function_room) {
        core->function_room = core->function_room ? 2 * core->function_room : FUNCTIONS_FIRST;
        core->function = core_realloc(core->function, core->function_room * sizeof(void *));
    }
    core->function[core->function_count++] = function;
    function->number = core->function_count;
    library->function =
        core_realloc(library->function, (library->count + 1) * sizeof(struct core_function *));
    library->function[library->count++] = function;
}

static void
free_library(struct core_library *library)
{
    free(library->name);
    free(library->path);
    free(library->function);
    free(library);
}

/* True if the description is whole; with `library`, its functions are added. */
static bool
parse_functions(struct core *core, struct core_library *library, const char *at, const char *end)
{
    for (uint32_t i = 0; at < end; i++) {
        const char *symbol = next_text(&at, end, LODE_TASK_NAME_MAX);
        const char *signature = symbol != NULL ? next_text(&at, end, UINT16_MAX) : NULL;
        uint32_t results;
        if (signature == NULL || (size_t)(end - at) < sizeof results || !is_name(symbol) ||
            i == CORE_LIBRARY_FUNCTIONS) {
            return false;
        }
        memcpy(&results, at, sizeof results);
        at += sizeof results;
        if (results > LODE_TASK_RESULTS_MAX) {
            return false;
        }
        if (library != NULL) {
            add_function(core, library, symbol, results);
        }
    }
    return true;
}

/* NULL: the description breaks a rule. */
static struct core_library *
add_library(struct core *core, const char *path, const char *text, uint32_t size)
{
    const char *at = text, *end = text + size;
    const char *name = next_text(&at, end, LODE_TASK_NAME_MAX);
    if (name == NULL || !is_name(name) || !parse_functions(core, NULL, at, end)) {
        return NULL;
    }
    struct core_library *library = core_alloc(sizeof *library);
    *library = (struct core_library){.next = core->libraries};
    library->name = strdup(name);
    library->path = strdup(path);
    LODE_ASSERT(library->name != NULL && library->path != NULL);
    core->libraries = library;
    parse_functions(core, library, at, end);
    return library;
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
    if (message->err != LODE_OK) {
        char why[1024];
        snprintf(why, sizeof why, "%.*s", (int)strnlen(text, text_size), text);
        finish_load(core, load, (lode_err)message->err, why);
        return;
    }
    struct core_library *library = library_at_path(core, load->path);
    if (library == NULL) {
        library = add_library(core, load->path, text, text_size);
    }
    if (library == NULL) {
        finish_load(core, load, LODE_ELIBRARY,
                    "its table names a library or a function in a way that is not allowed");
        return;
    }
    hold(worker, library);
    if (core_worker_conflicts(worker, library)) {
        worker->stale = true;
        core->pool_changed = true;
    }
    make_current(core, library);
    finish_load(core, load, LODE_OK, library->name);
}

void
core_functions_fini(struct core *core)
{
    struct core_load *load;
    while ((load = TAILQ_FIRST(&core->loads)) != NULL) {
        finish_load(core, load, LODE_EDOWN, "the scheduler ends");
    }
    for (uint32_t i = 0; i < core->function_count; i++) {
        free(core->function[i]->name);
        free(core->function[i]);
    }
    free(core->function);
    struct core_library *next;
    for (struct core_library *l = core->libraries; l != NULL; l = next) {
        next = l->next;
        free_library(l);
    }
}
