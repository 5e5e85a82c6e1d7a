/* text.h: JSON that grows, for the answers that people read (document.h, list.h). */
#ifndef LODE_SCHEDULER_CORE_TEXT_H
#define LODE_SCHEDULER_CORE_TEXT_H

#include <lode/error.h>
#include <lode/object.h>

#include <stddef.h>

struct core_text {
    char *bytes; /* ends with a zero, once something was added */
    size_t used, room;
};

void core_text_free(struct core_text *text);

void core_text_add(struct core_text *text, const char *format, ...) LODE_PRINTF(2, 3);

/* A string of JSON: what is no text in it is shown escaped (api/base/printable.h). */
void core_text_add_string(struct core_text *text, const char *string);

/* An id, as a string of JSON. */
void core_text_add_id(struct core_text *text, lode_id id);

#endif
