#include "store/requests/create_request.h"

#include "api/base/fail.h"
#include "store/objects/quota.h"
#include "store/objects/status.h"

#include <string.h>

bool
create_is_named(const struct create *create)
{
    static const lode_id zero;
    return !lode_id_same(create->desc.id, zero);
}

lode_err
create_check_id(const struct store *store, const struct session *session,
                const struct create *create)
{
    lode_id id = create->desc.id;
    bool may = false;
    uint32_t entry;
    if (!create_is_named(create)) {
        return create->is_put && !(session->flags & LODE_HELLO_MAKER)
                   ? lode_fail_with(LODE_EINVAL, "a put needs an id")
                   : LODE_OK;
    }
    switch (lode_id_kind(id)) {
    case LODE_ID_PUT:
        may = lode_id_session(id) == session->number;
        break;
    case LODE_ID_USER:
        may = true;
        break;
    case LODE_ID_RESULT:
    case LODE_ID_NAME:
        break;
    }
    if (!may) {
        return lode_fail_with(LODE_EINVAL,
                              "an object cannot be made under that id: it is of kind "
                              "%d, session %llu",
                              (int)lode_id_kind(id), (unsigned long long)lode_id_session(id));
    }
    if (table_find(&store->table, id, &entry) &&
        entry_state(&store->table, entry) != LODE_ENTRY_EXPECTED) {
        return lode_fail_with(LODE_EEXIST, "there is an object of that id");
    }
    if (lode_id_is_reserved(id) && status_was_made(store, id)) {
        return lode_fail_with(LODE_EEXIST, "an object of that reserved id was made before");
    }
    return LODE_OK;
}

lode_err
create_check_quota(const struct store *store, const struct create *create)
{
    lode_id id = create->desc.id;
    bool is_new = create->is_put && lode_id_kind(id) == LODE_ID_PUT && !lode_id_is_reserved(id);
    return is_new ? LODE_OK : quota_check(store, create->session);
}

void
create_read(struct session *session, const struct lode_msg_create *msg, const uint8_t *rest,
            size_t rest_size, struct create *create)
{
    *create = (struct create){.session = session,
                              .is_put = msg->head.type == LODE_MSG_PUT,
                              .hold_count = msg->hold_count,
                              .tag = msg->head.tag,
                              .rest = rest,
                              .rest_size = rest_size};
    create->desc = (struct object_desc){.id = msg->id,
                                        .size = msg->size,
                                        .dtype = msg->dtype,
                                        .kind = msg->kind,
                                        .object_class = msg->object_class,
                                        .ndim = msg->ndim,
                                        .flags = msg->flags};
    memcpy(create->desc.shape, msg->shape, sizeof msg->shape);
    memcpy(create->desc.strides, msg->strides, sizeof msg->strides);
    create->stored = create->is_put ? object_stored(&create->desc)
                                    : lode_made_stored(create->desc.size, create->desc.flags);
}

lode_err
create_check(const struct create *create)
{
    uint64_t holds = (uint64_t)create->hold_count * sizeof(lode_id);
    if (create->hold_count > LODE_STORE_HOLDS_MAX || holds > create->rest_size ||
        create->rest_size - holds != (create->is_put ? create->desc.size : 0)) {
        return lode_fail_with(LODE_EPROTO, "%u holds and %llu bytes in %zu", create->hold_count,
                              (unsigned long long)create->desc.size, create->rest_size);
    }
    return object_check(&create->desc);
}

static bool
is_of_daemons(const struct create *create)
{
    return (create->session->flags & (LODE_HELLO_SCHEDULER | LODE_HELLO_MAKER)) != 0;
}

/* Requests of the same process, and of all programs, in a list. */
static void
count_in(const struct create *list, const struct create *of, uint32_t *same, uint32_t *all)
{
    for (; list != NULL; list = list->next) {
        *same += store_same_process(list->session, of->session);
        *all += !is_of_daemons(list);
    }
}

lode_err
create_check_share(const struct create *create, const struct create *waiting,
                   const struct create *warming)
{
    uint32_t same = 0, all = 0;
    count_in(waiting, create, &same, &all);
    count_in(warming, create, &same, &all);
    if (same >= STORE_PENDING_OF_PROCESS_MAX) {
        return lode_fail_with(LODE_ELIMIT,
                              "%u creates of this process wait for room, and no more of it can: "
                              "drop objects first, or give the store a larger capacity",
                              same);
    }
    return all >= STORE_PENDING_MAX && !is_of_daemons(create)
               ? lode_fail_with(LODE_EFULL,
                                "%u creates of all programs wait for room, and no more can: "
                                "drop objects first, or give the store a larger capacity",
                                all)
               : LODE_OK;
}
