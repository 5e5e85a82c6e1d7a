#include "worker/runtime/functions.h"

#include "api/base/fail.h"
#include "api/wire/task_msg.h"
#include "worker/libraries/library.h"
#include "worker/libraries/signature.h"

#include <stdlib.h>
#include <string.h>

enum { FUNCTION_NUMBER_MAX = 1 << 20, ROOM_FIRST = 64 };

void
functions_init(struct functions *functions)
{
    *functions = (struct functions){0};
    lode_mutex_init(&functions->mu, LODE_LOCK_WORKER_FUNCTIONS);
}

static void
function_destroy(struct function *function)
{
    if (function != NULL) {
        free(function->path);
        free(function->symbol);
        free(function->name);
        free(function->why);
        free(function);
    }
}

void
functions_fini(struct functions *functions)
{
    for (uint32_t i = 0; i < functions->room; i++) {
        function_destroy(functions->at[i]);
    }
    free(functions->at);
    lode_mutex_fini(&functions->mu);
}

/* The text at *at, which must have its closing zero before `end`; moves *at behind it. */
static const char *
next_text(const char **at, const char *end)
{
    const char *text = *at;
    const char *zero = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;
    if (zero == NULL || zero == text) {
        return NULL;
    }
    *at = zero + 1;
    return text;
}

static lode_err
function_read(const void *bytes, uint32_t size, struct function **function_out)
{
    const struct lode_task_function *head = bytes;
    if (size < sizeof *head || head->function > FUNCTION_NUMBER_MAX ||
        head->results > LODE_TASK_RESULTS_MAX) {
        return lode_fail_with(LODE_EPROTO, "a FUNCTION of %u bytes", size);
    }
    const char *at = (const char *)(head + 1), *end = (const char *)bytes + size;
    const char *path = next_text(&at, end);
    const char *symbol = path != NULL ? next_text(&at, end) : NULL;
    const char *name = symbol != NULL ? next_text(&at, end) : NULL;
    if (name == NULL) {
        return lode_fail_with(LODE_EPROTO, "a FUNCTION without path, symbol and name");
    }
    struct function *function = calloc(1, sizeof *function);
    if (function == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no room for a function");
    }
    function->number = head->function;
    function->results = head->results;
    function->path = strdup(path);
    function->symbol = strdup(symbol);
    function->name = strdup(name);
    if (function->path == NULL || function->symbol == NULL || function->name == NULL) {
        function_destroy(function);
        return lode_fail_with(LODE_ENOMEM, "no room for the names of a function");
    }
    *function_out = function;
    return LODE_OK;
}

static lode_err
make_room_locked(struct functions *functions, uint32_t number)
{
    uint32_t room = functions->room > 0 ? functions->room : ROOM_FIRST;
    while (room <= number) {
        room *= 2;
    }
    if (room > functions->room) {
        struct function **grown = realloc(functions->at, room * sizeof(struct function *));
        if (grown == NULL) {
            return lode_fail_with(LODE_ENOMEM, "no room for %u functions", room);
        }
        memset(grown + functions->room, 0, (room - functions->room) * sizeof(struct function *));
        functions->at = grown;
        functions->room = room;
    }
    return LODE_OK;
}

lode_err
functions_add(struct functions *functions, const void *bytes, uint32_t size)
{
    struct function *function = NULL;
    LODE_TRY(function_read(bytes, size, &function));
    lode_mutex_lock(&functions->mu);
    lode_err err = make_room_locked(functions, function->number);
    if (err == LODE_OK && functions->at[function->number] != NULL) {
        err = lode_fail_with(LODE_EPROTO, "function %u is told a second time", function->number);
    }
    if (err == LODE_OK) {
        functions->at[function->number] = function;
    }
    lode_mutex_unlock(&functions->mu);
    if (err != LODE_OK) {
        function_destroy(function);
    }
    return err;
}

struct function *
functions_find(struct functions *functions, uint32_t number)
{
    struct function **found = &functions->found[number % FUNCTIONS_FOUND];
    if (*found == NULL || (*found)->number != number) {
        lode_mutex_lock(&functions->mu);
        *found = number < functions->room ? functions->at[number] : NULL;
        lode_mutex_unlock(&functions->mu);
    }
    return *found;
}

bool
function_may_open(const struct function *function, uint64_t program)
{
    return function->opened != NULL || function->failed != LODE_OK ||
           library_may_open(function->path, program);
}

lode_err
function_open(struct function *function)
{
    if (function->opened != NULL) {
        return LODE_OK;
    }
    if (function->failed == LODE_OK) {
        const struct library *library = NULL;
        lode_err err = library_open(function->path, &library);
        if (err == LODE_OK) {
            err = library_function(library, function->symbol, &function->opened);
        }
        if (err == LODE_OK) {
            function->arguments = signature_arguments(function->opened->signature);
            return LODE_OK;
        }
        function->failed = err;
        function->why = strdup(lode_last_error());
    }
    return lode_fail_with(function->failed, "%s",
                          function->why != NULL ? function->why : lode_err_text(function->failed));
}
