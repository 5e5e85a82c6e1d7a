#include "scheduler/core/libraries/description.h"

#include "api/wire/task_msg.h"
#include "scheduler/core/libraries/functions.h"

#include <stdio.h>
#include <string.h>

/* What is left of a description. */
struct rest {
    const char *at, *end;
};

struct described {
    const char *name;
    uint32_t results;
};

/* The next string; NULL: the description ends in it. */
static const char *
next_text(struct rest *rest)
{
    const char *text = rest->at;
    size_t size = strnlen(text, (size_t)(rest->end - text));
    if (size == (size_t)(rest->end - text)) {
        return NULL;
    }
    rest->at = text + size + 1;
    return text;
}

/* False: the description ends in it. */
static bool
next_function(struct rest *rest, struct described *function_out)
{
    function_out->name = next_text(rest);
    const char *signature = function_out->name != NULL ? next_text(rest) : NULL;
    if (signature == NULL || (size_t)(rest->end - rest->at) < sizeof function_out->results) {
        return false;
    }
    memcpy(&function_out->results, rest->at, sizeof function_out->results);
    rest->at += sizeof function_out->results;
    return true;
}

/* False: the name of `what` is none, and why_out says so. */
static bool
is_name(const char *what, const char *name, char *why_out, size_t room)
{
    bool is_plain = name[0] != '\0' && strlen(name) <= LODE_TASK_NAME_MAX;
    for (const char *c = name; *c != '\0'; c++) {
        is_plain = is_plain && (unsigned char)*c > ' ' && strchr("./\"\x7f", *c) == NULL;
    }
    if (!is_plain) {
        snprintf(why_out, room,
                 "its LODE_LIBRARY() has a %s named \"%.160s\": a name has 1 to %d bytes, without "
                 "blanks, control characters, '.', '/' and quotes",
                 what, name, LODE_TASK_NAME_MAX);
    }
    return is_plain;
}

static bool
is_allowed(const struct described *function, char *why_out, size_t room)
{
    if (!is_name("function", function->name, why_out, room)) {
        return false;
    }
    if (function->results > LODE_TASK_RESULTS_MAX) {
        snprintf(why_out, room,
                 "its function \"%s\" says that it has %d results; at most %d can be",
                 function->name, (int)function->results, LODE_TASK_RESULTS_MAX);
        return false;
    }
    return true;
}

const char *
core_description_check(const char *text, uint32_t size, char *why_out, size_t room)
{
    struct rest rest = {text, text + size};
    const char *name = next_text(&rest);
    bool is_whole = name != NULL;
    if (is_whole && !is_name("library", name, why_out, room)) {
        return NULL;
    }
    for (uint32_t i = 0; is_whole && rest.at < rest.end; i++) {
        struct described function;
        if (i == CORE_LIBRARY_FUNCTIONS) {
            snprintf(why_out, room, "it has more than %d functions", CORE_LIBRARY_FUNCTIONS);
            return NULL;
        }
        is_whole = next_function(&rest, &function);
        if (is_whole && !is_allowed(&function, why_out, room)) {
            return NULL;
        }
    }
    if (!is_whole) {
        snprintf(why_out, room, "what its worker says of it is cut");
    }
    return is_whole ? name : NULL;
}

void
core_description_add(struct core *core, struct core_library *library, const char *text,
                     uint32_t size)
{
    struct rest rest = {text, text + size};
    struct described function;
    (void)next_text(&rest); /* its name */
    while (rest.at < rest.end && next_function(&rest, &function)) {
        core_function_add(core, library, function.name, function.results);
    }
}
