#include "scheduler/core/state/actions.h"

#include <stdarg.h>
#include <stdio.h>

enum { OUT_FIRST = 16 << 10 };

static void
out_reserve(struct core *core, size_t size)
{
    if (core->out_room - core->out_used >= size) {
        return;
    }
    size_t room = core->out_room ? core->out_room : OUT_FIRST;
    while (room - core->out_used < size) {
        room *= 2;
    }
    core->out = core_realloc(core->out, room);
    core->out_room = room;
}

void *
core_emit(struct core *core, enum core_action_type type, uint64_t target, uint64_t cookie,
          int64_t value, uint32_t size)
{
    uint32_t filled = core_align8(size);
    out_reserve(core, sizeof(struct core_action) + filled);
    struct core_action *action = (struct core_action *)(core->out + core->out_used);
    *action = (struct core_action){
        .type = (uint16_t)type, .size = size, .target = target, .cookie = cookie, .value = value};
    core->out_used += sizeof *action + filled;
    uint8_t *bytes = (uint8_t *)(action + 1);
    if (filled > 0) {
        memset(bytes + filled - 8, 0, 8);
    }
    return bytes;
}

void *
core_emit_record(struct core *core, uint64_t session, enum lode_task_msg message, uint32_t size)
{
    uint8_t *bytes = core_emit(core, CORE_SEND, session, 0, 0, size);
    ((struct core_action *)(void *)(bytes - sizeof(struct core_action)))->message =
        (uint16_t)message;
    return bytes;
}

void
core_emit_ids(struct core *core, enum core_action_type type, uint64_t target, uint64_t cookie,
              const lode_id *ids, uint32_t count)
{
    uint32_t size = count * (uint32_t)sizeof ids[0];
    void *bytes = core_emit(core, type, target, cookie, 0, size);
    if (size > 0) {
        memcpy(bytes, ids, size);
    }
}

void
core_log(struct core *core, const char *id, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t id_size = strlen(id) + 1, text_size = strlen(text) + 1;
    char *bytes = core_emit(core, CORE_LOG, 0, 0, 0, (uint32_t)(id_size + text_size));
    memcpy(bytes, id, id_size);
    memcpy(bytes + id_size, text, text_size);
}
