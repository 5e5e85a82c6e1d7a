/*
 * The results of a task. Small ones are kept in the task's own memory, and ride in the commit
 * record. Larger ones are drafts in the store from the first: the function writes them where they
 * will lie. Nobody sees any of them before the commit.
 */
#include "api/client/context/task_context.h"

#include "api/base/fail.h"
#include "api/client/store/create.h"

#include <string.h>

static lode_err
slot_of(lode_task *task, size_t index, struct lode_task_output_slot **slot_out)
{
    if (index >= task->order.declared) {
        return lode_fail(task, LODE_EINVAL, "%s: result %zu of a function that has %u",
                         task->order.function, index + 1, task->order.declared);
    }
    if (task->output[index].given) {
        return lode_fail(task, LODE_EEXIST, "%s: result %zu is given twice", task->order.function,
                         index + 1);
    }
    *slot_out = &task->output[index];
    return LODE_OK;
}

/* Room in the task's own memory; NULL: it is used up, or this is too large for it. */
static void *
small_room(lode_task *task, size_t size)
{
    if (size > LODE_TASK_SMALL_BYTES - task->small_used) {
        return NULL;
    }
    void *room = task->small + task->small_used;
    size_t used = task->small_used + ((size + LODE_LINE - 1) & ~(size_t)(LODE_LINE - 1));
    task->small_used = used < LODE_TASK_SMALL_BYTES ? used : LODE_TASK_SMALL_BYTES;
    return room;
}

/* array NULL: a blob. */
static lode_err
room_for(lode_task *task, struct lode_task_output_slot *slot, const lode_array *array, size_t size,
         void **data_out)
{
    struct lode_task_output_slot made = {.given = true, .size = size, .is_array = array != NULL};
    void *data = small_room(task, size);
    if (data != NULL) {
        made.data = data;
    } else {
        lode_err err = lode_result_draft(task->db, array, size, LODE_KIND_BLOB,
                                         LODE_TASK_RESULT_TIMEOUT_MS, &made.draft);
        if (err != LODE_OK) {
            return lode_fail(task, err, "%s: no result of %zu bytes: %s", task->order.function,
                             size, lode_last_error());
        }
        data = made.draft.data;
    }
    if (array != NULL) {
        made.array = *array;
    }
    *slot = made;
    *data_out = data;
    return LODE_OK;
}

lode_err
lode_task_result(lode_task *task, size_t index, const lode_array *array, void **data_out)
{
    struct lode_task_output_slot *slot = NULL;
    size_t size;
    LODE_NEED("lode_task_result", data_out);
    LODE_TRY(slot_of(task, index, &slot));
    if (array == NULL || lode_array_size(array, &size) != LODE_OK) {
        return lode_fail(task, LODE_EINVAL, "%s: result %zu: %s", task->order.function, index + 1,
                         array == NULL ? "no array is given" : lode_last_error());
    }
    return room_for(task, slot, array, size, data_out);
}

static lode_err
return_number(lode_task *task, size_t index, lode_dtype dtype, const void *value)
{
    struct lode_task_output_slot *slot = NULL;
    LODE_TRY(slot_of(task, index, &slot));
    slot->given = true;
    slot->is_array = true;
    slot->array = (lode_array){.dtype = dtype};
    slot->size = sizeof slot->scalar;
    memcpy(slot->scalar, value, sizeof slot->scalar);
    return LODE_OK;
}

lode_err
lode_task_return_i64(lode_task *task, size_t index, int64_t value)
{
    return return_number(task, index, LODE_I64, &value);
}

lode_err
lode_task_return_f64(lode_task *task, size_t index, double value)
{
    return return_number(task, index, LODE_F64, &value);
}

lode_err
lode_task_return_bytes(lode_task *task, size_t index, const void *data, size_t size_bytes)
{
    struct lode_task_output_slot *slot = NULL;
    void *room;
    LODE_TRY(slot_of(task, index, &slot));
    if (data == NULL && size_bytes > 0) {
        return lode_fail(task, LODE_EINVAL, "%s: result %zu is %zu bytes at NULL",
                         task->order.function, index + 1, size_bytes);
    }
    LODE_TRY(room_for(task, slot, NULL, size_bytes, &room));
    if (size_bytes > 0) {
        memcpy(room, data, size_bytes);
    }
    return LODE_OK;
}
