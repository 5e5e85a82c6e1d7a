#include "api/client/store/put_packet.h"

#include "api/client/session/session.h"
#include "api/client/store/reserve.h"

struct put_packet {
    struct lode_msg_create head;
    uint8_t rest[LODE_STORE_PACKET_MAX - sizeof(struct lode_msg_create)];
};

lode_err
lode_put_packet(lode *db, const struct lode_spec *spec, const void *data, int64_t timeout_ms,
                int64_t answer_by, struct lode_msg_created *created_out)
{
    struct lode_msg_created created;
    struct put_packet packet;
    size_t holds = spec->hold_count * sizeof(lode_id);
    struct lode_reply reply = {.type = LODE_MSG_CREATED,
                               .packet = &created,
                               .room = sizeof created,
                               .exactly = true,
                               .answer_by = answer_by,
                               .late = lode_late_object(spec->id),
                               .late_id = spec->id};
    if (timeout_ms != 0 && lode_hooks_in(&db->hooks, LODE_HOOKS_WORKER) != NULL) {
        reply.hooks = &db->hooks;
    }
    lode_spec_packet(spec, LODE_MSG_PUT, timeout_ms, &packet.head);
    if (holds > 0) {
        memcpy(packet.rest, spec->holds, holds);
    }
    if (spec->size > 0) {
        memcpy(packet.rest + holds, data, spec->size);
    }
    lode_err err =
        lode_store_ask(&db->calls, &packet.head.head,
                       offsetof(struct put_packet, rest) + holds + spec->size, NULL, 0, &reply);
    if (err == LODE_OK || (err == LODE_ETIMEDOUT && reply.sent)) { /* it may be made yet */
        lode_reserved_was_made(db, spec->id);
    }
    if (err == LODE_EFULL && reply.is_interrupted) {
        LODE_TRY(lode_hooks_interrupted(&db->hooks)); /* its sentence says why it waits no more */
    }
    if (err == LODE_OK && created_out != NULL) {
        *created_out = created;
    }
    return err;
}
