/*
 * functions.c: versions of a library are told apart by the path of their copy. An older one stays
 * in the table: functions keep their numbers, and tasks that were submitted with them run it.
 */
#include "scheduler/core/libraries/functions.h"

#include "scheduler/core/state/sessions.h"

#include <stdio.h>

enum { FUNCTIONS_FIRST = 64 };

/* ---- looking up ----------------------------------------------------------------------------- */

struct core_function *
core_function_named(const struct core_library *library, const char *symbol)
{
    for (uint32_t i = 0; i < library->count; i++) {
        if (strcmp(library->function[i]->symbol, symbol) == 0) {
            return library->function[i];
        }
    }
    return NULL;
}

struct core_library *
core_library_at_path(const struct core *core, const char *path)
{
    struct core_library *library = core->libraries;
    while (library != NULL && strcmp(library->path, path) != 0) {
        library = library->next;
    }
    return library;
}

/* ---- workers and libraries ------------------------------------------------------------------ */

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

bool
core_worker_would_conflict(const struct core_worker *worker, const struct core_function *function)
{
    return !core_worker_knows(worker, function) && core_worker_conflicts(worker, function->library);
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

struct core_library *
core_library_add(struct core *core, const char *name, const char *path)
{
    struct core_library *library = core_alloc(sizeof *library);
    *library = (struct core_library){.next = core->libraries};
    library->name = core_copy_text(name);
    library->path = core_copy_text(path);
    for (struct core_library *l = core->libraries; l != NULL; l = l->next) {
        if (strcmp(l->name, name) == 0) {
            l->has_namesakes = library->has_namesakes = true;
        }
    }
    core->libraries = library;
    return library;
}

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

void
core_functions_fini(struct core *core)
{
    for (uint32_t i = 0; i < core->function_count; i++) {
        free(core->function[i]->name);
        free(core->function[i]);
    }
    free(core->function);
    core_names_fini(&core->offered);
    struct core_library *next;
    for (struct core_library *l = core->libraries; l != NULL; l = next) {
        next = l->next;
        free_library(l);
    }
}
