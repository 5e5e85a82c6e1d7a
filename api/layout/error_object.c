#include "api/layout/error_object.h"

#include "api/base/assert.h"
#include "api/base/fail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ------------------------------------------------------------------------------ */

size_t
lode_error_object_size(const struct lode_error_parts *parts)
{
    return sizeof parts->head + strlen(parts->function) + strlen(parts->message) + 2;
}

/* Appends a text with its closing zero, cut so that `keep` bytes stay free behind it. */
static size_t
append_text(char *out, size_t at, size_t room, size_t keep, const char *text)
{
    size_t length = strlen(text);
    size_t most = room - at - keep - 1;
    if (length > most) {
        length = most;
    }
    memcpy(out + at, text, length);
    out[at + length] = '\0';
    return at + length + 1;
}

size_t
lode_error_object_write(const struct lode_error_parts *parts, void *out, size_t room)
{
    struct lode_error_object head = parts->head;
    LODE_ASSERT(room >= LODE_ERROR_BYTES_MIN || room >= lode_error_object_size(parts));
    head.magic = LODE_ERROR_MAGIC;
    head.major = LODE_ERROR_MAJOR;
    memcpy(out, &head, sizeof head);
    size_t at = append_text(out, sizeof head, room, 1, parts->function);
    return append_text(out, at, room, 0, parts->message);
}

void
lode_error_parts_of_info(const lode_failure_info *info, uint64_t task,
                         struct lode_error_parts *parts_out)
{
    *parts_out = (struct lode_error_parts){
        .head = {.code = (int32_t)info->code,
                 .task_code = (int32_t)info->task_code,
                 .pid = info->pid,
                 .signal = info->signal,
                 .exit_status = info->exit_status,
                 .attempt = info->attempt,
                 .may_have_run = info->may_have_run,
                 .task = task},
        .function = info->function,
        .message = info->message,
    };
}

/* ---- reading ------------------------------------------------------------------------------ */

static const char *
next_text(const char **at, const char *end)
{
    const char *text = *at;
    const char *zero = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;
    if (zero == NULL) {
        return NULL;
    }
    *at = zero + 1;
    return text;
}

/*
 * A code that this version does not know may be a newer one's. LODE_EAGAIN is no task's failure: a
 * get takes it for "not there yet", and would wait for an object that is there.
 */
static bool
is_failure(int32_t code)
{
    return code > LODE_OK && code != LODE_EAGAIN;
}

lode_err
lode_error_object_read(const void *bytes, size_t size, struct lode_error_parts *parts_out)
{
    struct lode_error_parts parts = {.function = NULL};
    const char *at = (const char *)bytes + sizeof parts.head;
    const char *end = (const char *)bytes + size;
    if (size >= sizeof parts.head) {
        memcpy(&parts.head, bytes, sizeof parts.head);
        parts.function = next_text(&at, end);
        parts.message = parts.function != NULL ? next_text(&at, end) : NULL;
    }
    if (parts.head.magic == LODE_ERROR_MAGIC && parts.head.major != LODE_ERROR_MAJOR) {
        return lode_fail_with(LODE_EVERSION,
                              "an error object has version %u.%u, this library reads %d: use one "
                              "version everywhere",
                              (unsigned)parts.head.major, (unsigned)parts.head.minor,
                              LODE_ERROR_MAJOR);
    }
    if (parts.head.magic != LODE_ERROR_MAGIC || !is_failure(parts.head.code) ||
        parts.message == NULL) {
        return lode_fail_with(LODE_ECORRUPT, "an error object of %zu bytes makes no sense", size);
    }
    *parts_out = parts;
    return LODE_OK;
}

/* ---- failures of failures -------------------------------------------------------------------- */

/*
 * A task whose own task has failed passes that sentence on, and so does its parent. If each put its
 * name in front, the reason itself would be cut off at some depth. So the names between the first
 * and the last are counted: "task a failed through 70 calls, the last of them z: why".
 */
static const char ONE_CALL[] = " failed through a call of ";
static const char CALLS[] = " failed through ";
static const char LAST_CALL[] = " calls, the last of them ";
static const char DIED[] = " died: ";
static const char CANCELLED[] = " was cancelled";

enum { CHAIN_ROOM = LODE_FAIL_MAX + 80 }; /* the longest innermost text, and the words before it */

struct chain {
    unsigned long calls;           /* 0: the message is a reason of its own */
    char innermost[LODE_FAIL_MAX]; /* "z: why", "z, which died: why", "z, which was cancelled" */
};

/* What follows "task NAME" in the text; NULL: it does not begin so. */
static const char *
after_task(const char *text)
{
    static const char TASK[] = "task ";
    const char *name = text + sizeof TASK - 1;
    return strncmp(text, TASK, sizeof TASK - 1) == 0 ? strchr(name, ' ') : NULL;
}

/* What follows the word in the text; NULL: the text does not begin with it. */
static const char *
after(const char *text, const char *word)
{
    size_t length = strlen(word);
    return strncmp(text, word, length) == 0 ? text + length : NULL;
}

/* The task that failed first: its name, and its failure as it stands in its sentence. */
static bool
first_link(const char *message, const char *rest, struct chain *chain_out)
{
    const char *name = after(message, "task ");
    const char *why = after(rest, " failed");
    bool is_end = why == NULL && (after(rest, DIED) != NULL || after(rest, CANCELLED) != NULL);
    if (!is_end && (why == NULL || after(why, ": ") == NULL)) {
        return false;
    }
    chain_out->calls = 1;
    snprintf(chain_out->innermost, sizeof chain_out->innermost, "%.*s%s%s", (int)(rest - name),
             name, is_end ? ", which" : "", is_end ? rest : why);
    return true;
}

static void
later_link(unsigned long calls, const char *innermost, struct chain *chain_out)
{
    chain_out->calls = calls;
    snprintf(chain_out->innermost, sizeof chain_out->innermost, "%s", innermost);
}

/* True if the message is the sentence of another task's failure. */
static bool
read_chain(const char *message, struct chain *chain_out)
{
    const char *rest = after_task(message);
    const char *innermost = rest != NULL ? after(rest, ONE_CALL) : NULL;
    const char *number = rest != NULL ? after(rest, CALLS) : NULL;
    chain_out->calls = 0;
    if (innermost != NULL) {
        later_link(2, innermost, chain_out);
    } else if (number != NULL) {
        char *end;
        unsigned long calls = strtoul(number, &end, 10);
        innermost = after(end, LAST_CALL);
        if (innermost != NULL) {
            later_link(calls + 1, innermost, chain_out);
        }
    } else if (rest != NULL) {
        (void)first_link(message, rest, chain_out);
    }
    return chain_out->calls > 0;
}

/* " failed through …": how the chain reads behind the name of the task that passes it on. */
static void
write_chain(const struct chain *chain, char *out, size_t room)
{
    if (chain->calls == 1) {
        snprintf(out, room, "%s%s", ONE_CALL, chain->innermost);
    } else {
        snprintf(out, room, "%s%lu%s%s", CALLS, chain->calls, LAST_CALL, chain->innermost);
    }
}

void
lode_error_tell(const char *message, char *out, size_t room)
{
    struct chain chain;
    if (read_chain(message, &chain)) {
        char told[CHAIN_ROOM];
        write_chain(&chain, told, sizeof told);
        snprintf(out, room, "%s", told + 1); /* without the space */
    } else {
        snprintf(out, room, "%s", message);
    }
}

/* Sentences about arguments begin with the function's name, which ours have said already. */
static const char *
without_name(const char *message, const char *function)
{
    const char *rest = after(message, function);
    rest = rest != NULL ? after(rest, ": ") : NULL;
    return rest != NULL && rest[0] != '\0' ? rest : message;
}

void
lode_error_reason(lode_err code, const char *function, const char *message, char *out, size_t room)
{
    struct chain chain;
    if (read_chain(message, &chain)) {
        snprintf(out, room, "%s", chain.innermost);
    } else {
        snprintf(out, room, "%s%s: %s", function, code == LODE_ECRASHED ? ", which died" : "",
                 without_name(message, function));
    }
}

/* A reason that says no more than that is not said again. */
static lode_err
fail_as_cancelled(const char *function, const char *why)
{
    static const char END[] = "was cancelled";
    size_t length = strlen(why), end = sizeof END - 1;
    bool says_more = (length < end || strcmp(why + length - end, END) != 0) &&
                     strcmp(why, lode_err_text(LODE_ECANCELLED)) != 0;
    return lode_fail_with(LODE_ECANCELLED, "task %s was cancelled%s%s", function,
                          says_more ? ": " : "", says_more ? why : "");
}

static lode_err
fail_as_task(lode_err code, const char *function, const char *why)
{
    struct chain chain;
    char told[CHAIN_ROOM];
    if (!read_chain(why, &chain)) {
        return lode_fail_with(code, "task %s failed: %s", function, why);
    }
    write_chain(&chain, told, sizeof told);
    return lode_fail_with(code, "task %s%s", function, told);
}

static bool
has_lost_texts(const struct lode_error_parts *parts)
{
    return parts->function[0] == '\0' && parts->message[0] == '\0';
}

#define LOST_TEXTS "its name and its own words are lost: the store had no room for them"

/* Its codes and numbers are all that can be said. */
static lode_err
fail_in_short(const struct lode_error_object *head)
{
    lode_err code = (lode_err)head->code;
    lode_err why =
        code == LODE_ETASK && head->task_code != LODE_OK ? (lode_err)head->task_code : code;
    char by[32] = "";
    if (code == LODE_ECRASHED && head->signal != 0) {
        snprintf(by, sizeof by, " by signal %d", head->signal);
    }
    return lode_fail_with(code, "a task failed: %s%s (%s); " LOST_TEXTS "; drop or release objects",
                          lode_err_text(why), by, lode_err_name(why));
}

lode_err
lode_error_object_fail(const void *bytes, size_t size)
{
    struct lode_error_parts parts;
    LODE_TRY(lode_error_object_read(bytes, size, &parts));
    lode_err code = (lode_err)parts.head.code;
    if (has_lost_texts(&parts) && lode_err_is_known(code)) {
        return fail_in_short(&parts.head);
    }
    const char *function = parts.function[0] != '\0' ? parts.function : "?";
    const char *why =
        parts.message[0] != '\0' ? without_name(parts.message, function) : lode_err_text(code);
    if (!lode_err_is_known(code)) {
        return lode_fail_with(code,
                              "task %s failed with error %d, which this version does not know: %s",
                              function, (int)code, why);
    }
    switch (code) {
    case LODE_ECRASHED:
        return lode_fail_with(code, "task %s died: %s", function, why);
    case LODE_ECANCELLED:
        return fail_as_cancelled(function, why);
    default:
        return fail_as_task(code, function, why);
    }
}

void
lode_error_parts_to_info(const struct lode_error_parts *parts, lode_failure_info *info_out)
{
    *info_out = (lode_failure_info){.code = (lode_err)parts->head.code,
                                    .task_code = (lode_err)parts->head.task_code,
                                    .pid = parts->head.pid,
                                    .signal = parts->head.signal,
                                    .exit_status = parts->head.exit_status,
                                    .attempt = parts->head.attempt,
                                    .may_have_run = parts->head.may_have_run != 0};
    snprintf(info_out->function, sizeof info_out->function, "%s", parts->function);
    snprintf(info_out->message, sizeof info_out->message, "%s",
             has_lost_texts(parts) ? LOST_TEXTS : parts->message);
}

lode_err
lode_error_object_shorten(const void *bytes, size_t size, void *out)
{
    struct lode_error_parts parts;
    LODE_TRY(lode_error_object_read(bytes, size, &parts));
    parts.function = parts.message = "";
    (void)lode_error_object_write(&parts, out, LODE_ERROR_SHORT_BYTES);
    return LODE_OK;
}
