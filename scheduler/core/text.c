#include "scheduler/core/text.h"

#include "api/base/printable.h"
#include "scheduler/core/parts/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 4096 };

void
core_text_free(struct core_text *text)
{
    free(text->bytes);
    *text = (struct core_text){.bytes = NULL};
}

/* Room for so many bytes more, and a zero. */
static void
make_room(struct core_text *text, size_t size)
{
    size_t room = text->room > 0 ? text->room : ROOM_FIRST;
    while (room - text->used <= size) {
        room *= 2;
    }
    if (room != text->room) {
        text->bytes = core_realloc(text->bytes, room);
        text->room = room;
    }
}

void
core_text_add(struct core_text *text, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    make_room(text, size > 0 ? (size_t)size : 0);
    vsnprintf(text->bytes + text->used, text->room - text->used, format, again);
    va_end(again);
    text->used += size > 0 ? (size_t)size : 0;
}

void
core_text_add_string(struct core_text *text, const char *string)
{
    size_t size = strlen(string), most = LODE_PRINTABLE_GROWTH * size + 1;
    make_room(text, 2 * most + 2);
    /* It is made at the end of the room, and goes down from there with its backslashes. */
    char *shown = text->bytes + text->room - most, *out = text->bytes + text->used;
    size_t length = lode_printable(string, size, 0, shown, most);
    *out++ = '"';
    for (size_t i = 0; i < length; i++) {
        if (shown[i] == '"' || shown[i] == '\\') {
            *out++ = '\\';
        }
        *out++ = shown[i];
    }
    *out++ = '"';
    *out = '\0';
    text->used = (size_t)(out - text->bytes);
}

void
core_text_add_id(struct core_text *text, lode_id id)
{
    char digits[2 * sizeof id.byte + 1];
    for (size_t i = 0; i < sizeof id.byte; i++) {
        snprintf(digits + 2 * i, 3, "%02x", id.byte[i]);
    }
    core_text_add(text, "\"%s\"", digits);
}
