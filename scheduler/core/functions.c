/*
 * functions.c: the table of libraries and functions, who has opened what, and RESOLVE.
 *
 * Versions of a library are told apart by the path of their copy. An older one stays in the table:
 * functions keep their numbers, and tasks that were submitted with them run it.
 */
#include "scheduler/core/state.h"

#include <stdarg.h>
#include <stdio.h>

enum { FUNCTIONS_FIRST = 64 };

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

void
core_worker_hold(struct core_worker *worker, struct core_library *library)
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
    core_worker_hold(worker, function->library);
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

/* ---- the table ---------------------------------------------------------------------------- */

void
core_function_add(struct core *core, struct core_library *library, const char *symbol,
                  uint32_t results)
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

/* ---- RESOLVE -------------------------------------------------------------------------------- */

void
core_send_resolved(struct core *core, uint64_t session, uint32_t tag,
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

/* Answers a RESOLVE; `load` false: a built-in library that is not there is not loaded for it. */
void
core_resolve_name(struct core *core, struct core_session *session, uint32_t tag, const char *name,
                  bool load)
{
    char text[1024];
    const char *dot = strrchr(name, '.');
    size_t library_size = dot != NULL ? (size_t)(dot - name) : 0;
    if (dot == NULL || library_size == 0 || dot[1] == '\0') {
        snprintf(text, sizeof text, "\"%.200s\" is no \"library.function\"", name);
        core_send_resolved(core, session->number, tag, NULL, text);
        return;
    }
    const struct core_library *library = library_named(core, name, library_size);
    if (library == NULL && load && core->builtin_path != NULL &&
        strlen(core->builtin_name) == library_size &&
        memcmp(core->builtin_name, name, library_size) == 0) {
        core_load_builtin(core, session, tag, name);
        return;
    }
    const struct core_function *function = NULL;
    text[0] = '\0';
    if (library == NULL) {
        say_no_library(core, name, library_size, text, sizeof text);
    } else if ((function = function_named(library, dot + 1)) == NULL) {
        say_no_function(library, dot + 1, text, sizeof text);
    }
    core_send_resolved(core, session->number, tag, function, text);
}

bool
core_record_text(const void *bytes, uint32_t size, uint32_t head, char *text_out, size_t room)
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
    if (!core_record_text(bytes, size, sizeof *message, name, sizeof name)) {
        core_cut(core, session, LODE_EPROTO, "a RESOLVE of %u bytes has no name", size);
        return;
    }
    core_resolve_name(core, session, message->tag, name, true);
}

void
core_functions_fini(struct core *core)
{
    core_loads_fini(core);
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
