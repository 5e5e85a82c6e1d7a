#include "scheduler/core/libraries/resolve.h"

#include "api/base/suggest.h"
#include "scheduler/core/libraries/functions.h"
#include "scheduler/core/libraries/names.h"
#include "scheduler/core/libraries/offers.h"
#include "scheduler/core/state/sessions.h"

#include <stdarg.h>
#include <stdio.h>

enum { SHOWN_MAX = 32 };

void
core_send_resolved(struct core *core, uint64_t session, uint32_t tag, lode_err err,
                   const struct core_function *function, const char *text)
{
    uint32_t text_size = (uint32_t)strlen(text);
    struct lode_task_resolved *resolved =
        core_send(core, core_session_find(core, session), LODE_TASK_RESOLVED,
                  (uint32_t)sizeof *resolved + text_size);
    if (resolved == NULL) {
        return;
    }
    *resolved = (struct lode_task_resolved){.tag = tag, .err = (uint32_t)err};
    if (function != NULL) {
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

/* What there is, for the sentence that says what is not. */
struct choice {
    const char *name[SHOWN_MAX];
    size_t count;
    bool more;
};

static void
choice_add(struct choice *choice, const char *name)
{
    for (size_t i = 0; i < choice->count; i++) {
        if (strcmp(choice->name[i], name) == 0) {
            return;
        }
    }
    if (choice->count == SHOWN_MAX) {
        choice->more = true;
    } else {
        choice->name[choice->count++] = name;
    }
}

/* `likely`: which of them may have been meant. */
static void
say_choice(const struct choice *choice, const struct choice *likely, const char *what,
           const char *word, const char *before, const char *behind, char *text, size_t room)
{
    const char *meant = lode_suggest(word, likely->name, likely->count);
    if (meant != NULL) {
        append(text, room, "; did you mean \"%s%s%s\"?", before, meant, behind);
        return;
    }
    append(text, room, "; %s", what);
    for (size_t i = 0; i < choice->count; i++) {
        append(text, room, "%s %s", i ? "," : ":", choice->name[i]);
    }
    append(text, room, "%s", choice->count == 0 ? ": none" : choice->more ? ", …" : "");
}

/* Those are likely that have the function. */
static void
add_names(struct choice *choice, struct choice *likely, const struct core_names *names,
          const char *symbol)
{
    for (const struct core_named *n = names->first; n != NULL; n = n->next) {
        choice_add(choice, n->library->name);
        if (core_function_named(n->library, symbol) != NULL) {
            choice_add(likely, n->library->name);
        }
    }
}

static void
say_no_library(const struct core *core, const struct core_program *program, const char *name,
               size_t size, char *text, size_t room)
{
    char library[LODE_TASK_NAME_MAX + 1];
    struct choice choice = {.count = 0}, likely = {.count = 0};
    snprintf(library, sizeof library, "%.*s", (int)size, name);
    const struct core_offer *lost = core_offer_find(core, name, size);
    if (lost != NULL) {
        snprintf(text, room,
                 "library \"%s\" was offered to all, and was lost when the scheduler was replaced: "
                 "%.600s",
                 library, lost->why);
        return;
    }
    add_names(&choice, &likely, &program->names, name + size + 1);
    add_names(&choice, &likely, &core->offered, name + size + 1);
    const char *builtin = core->builtin_name;
    if (builtin != NULL && !core_names_offered(core, builtin, strlen(builtin))) {
        choice_add(&choice, builtin);
    }
    snprintf(text, room,
             "there is no library \"%s\": this program has loaded none of that name (`lode run "
             "LIBRARY.so:FUNCTION` loads one), and none is offered to all (`lode load LIBRARY.so`)",
             library);
    say_choice(&choice, &likely, "there are", library, "", name + size, text, room);
}

static void
say_no_function(const struct core_library *library, const char *symbol, char *text, size_t room)
{
    char before[LODE_TASK_NAME_MAX + 2];
    struct choice choice = {.count = 0};
    snprintf(text, room, "library \"%s\" has no function \"%s\"", library->name, symbol);
    for (uint32_t i = 0; i < library->count; i++) {
        choice_add(&choice, library->function[i]->symbol);
    }
    snprintf(before, sizeof before, "%s.", library->name);
    say_choice(&choice, &choice, "it has", symbol, before, "", text, room);
}

size_t
core_library_part(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && dot[1] != '\0' ? (size_t)(dot - name) : 0;
}

void
core_resolve_name(struct core *core, struct core_session *session,
                  const struct lode_task_resolve *asked, const char *name)
{
    char text[1024];
    size_t library_size = core_library_part(name);
    if (library_size == 0) {
        snprintf(text, sizeof text, "\"%.200s\" is no \"library.function\"", name);
        core_send_resolved(core, session->number, asked->tag, LODE_ENOTFOUND, NULL, text);
        return;
    }
    const char *symbol = name + library_size + 1;
    const struct core_program *program = core_names_program(core, session, asked->parent);
    const struct core_library *library = core_names_find(core, program, name, library_size);
    const struct core_function *function = NULL;
    text[0] = '\0';
    if (library == NULL) {
        say_no_library(core, program, name, library_size, text, sizeof text);
    } else if ((function = core_function_named(library, symbol)) == NULL) {
        say_no_function(library, symbol, text, sizeof text);
    }
    session->knows_names = session->knows_names || function != NULL;
    core_send_resolved(core, session->number, asked->tag,
                       function != NULL ? LODE_OK : LODE_ENOTFOUND, function, text);
}
