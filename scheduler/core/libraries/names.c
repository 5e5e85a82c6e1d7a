#include "scheduler/core/libraries/names.h"

#include "scheduler/core/libraries/functions.h"
#include "scheduler/core/libraries/offers.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/state/speaker.h"
#include "scheduler/core/state/tasks.h"
#include "scheduler/core/state/workers.h"

#include <stdio.h>

/* ---- whose ---------------------------------------------------------------------------------- */

struct core_program *
core_names_program(struct core *core, struct core_session *session, uint64_t parent)
{
    return core_speaker_program(core, session, core_speaker_task(core, session, parent), parent);
}

/* True if names may have stood for what they stand for there when the session asked. */
static bool
may_mean(struct core *core, const struct core_session *session, const struct core_program *program)
{
    const struct core_worker *worker = session->worker;
    if (worker == NULL && session->host != 0) {
        worker = core_worker_find(core, session->host);
    }
    const struct core_task *task =
        session->inside != 0 ? core_task_find(core, session->inside) : NULL;
    return session->program == program || session->home == program->number ||
           (worker != NULL && worker->program == program) ||
           (task != NULL && task->lane->program == program);
}

/* ---- finding -------------------------------------------------------------------------------- */

static struct core_named *
find(const struct core_names *names, const char *name, size_t size)
{
    struct core_named *named = names->first;
    while (named != NULL && !(strlen(named->library->name) == size &&
                              memcmp(named->library->name, name, size) == 0)) {
        named = named->next;
    }
    return named;
}

struct core_library *
core_names_find(const struct core *core, const struct core_program *program, const char *name,
                size_t size)
{
    const struct core_named *named = find(&program->names, name, size);
    if (named == NULL) {
        named = find(&core->offered, name, size);
    }
    return named != NULL ? named->library : NULL;
}

bool
core_names_offered(const struct core *core, const char *name, size_t size)
{
    return find(&core->offered, name, size) != NULL;
}

struct core_function *
core_names_bind_again(const struct core *core, const struct core_program *program,
                      struct core_function *function)
{
    const struct core_library *library = function->library;
    if (!library->has_namesakes) {
        return library->gone ? NULL : function;
    }
    library = core_names_find(core, program, library->name, strlen(library->name));
    if (library == NULL || library == function->library) {
        return function->library->gone ? NULL : function;
    }
    return core_function_named(library, function->symbol);
}

/* ---- binding -------------------------------------------------------------------------------- */

bool
core_names_reserved(const struct core *core, const char *name)
{
    return strcmp(name, "lode") == 0 ||
           (core->builtin_name != NULL && strcmp(name, core->builtin_name) == 0);
}

/* Those that know what names stood for in that name space (NULL: in the one of all) ask again. */
static void
tell_changed(struct core *core, const struct core_program *program)
{
    struct core_session *session, *next;
    HASH_ITER(by_number, core->sessions, session, next)
    {
        if (session->knows_names && (program == NULL || may_mean(core, session, program))) {
            core_session_forget_names(core, session, LODE_FORGET_VERSIONS);
        }
    }
}

lode_err
core_names_bind(struct core *core, struct core_program *program, struct core_library *library,
                const char *source, uint32_t flags, char *text_out, size_t room)
{
    struct core_names *names = program != NULL ? &program->names : &core->offered;
    struct core_named *named = find(names, library->name, strlen(library->name));
    if (named != NULL && named->library != library && strcmp(named->source, source) != 0 &&
        (flags & LODE_LOAD_REPLACE) == 0) {
        snprintf(text_out, room, "the name \"%s\" stands for %.400s, and %.400s has it, too",
                 library->name, named->source, source);
        return LODE_EEXIST;
    }
    bool is_news = program == NULL && !library->is_builtin &&
                   (named == NULL || strcmp(named->source, source) != 0);
    if (named == NULL) {
        named = core_alloc(sizeof *named);
        *named = (struct core_named){.next = names->first};
        names->first = named;
    }
    bool is_other = named->library != library && library->has_namesakes;
    if (named->library != NULL) {
        named->library->names--;
        core->names_changed = true;
    }
    library->names++;
    library->gone = false;
    named->library = library;
    free(named->source);
    named->source = core_copy_text(source);
    if (is_other) {
        tell_changed(core, program);
    }
    if (is_news) {
        core_offer_drop(core, library->name);
        core_offers_tell(core);
    }
    return LODE_OK;
}
