#include "scheduler/core/libraries/resolve.h"

#include "scheduler/core/libraries/functions.h"
#include "scheduler/core/state/sessions.h"

#include <stdarg.h>
#include <stdio.h>

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

size_t
core_library_part(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && dot[1] != '\0' ? (size_t)(dot - name) : 0;
}

void
core_resolve_name(struct core *core, struct core_session *session, uint32_t tag, const char *name)
{
    char text[1024];
    size_t library_size = core_library_part(name);
    if (library_size == 0) {
        snprintf(text, sizeof text, "\"%.200s\" is no \"library.function\"", name);
        core_send_resolved(core, session->number, tag, NULL, text);
        return;
    }
    const char *symbol = name + library_size + 1;
    const struct core_library *library = core_library_named(core, name, library_size);
    const struct core_function *function = NULL;
    text[0] = '\0';
    if (library == NULL) {
        say_no_library(core, name, library_size, text, sizeof text);
    } else if ((function = core_function_named(library, symbol)) == NULL) {
        say_no_function(library, symbol, text, sizeof text);
    }
    core_send_resolved(core, session->number, tag, function, text);
}
