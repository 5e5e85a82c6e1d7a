#include "store/objects/strides.h"

#include "api/base/fail.h"
#include "api/base/hash.h"

#include <stdlib.h>
#include <string.h>

struct strided {
    uint32_t entry;
    int64_t strides[LODE_MAX_NDIM];
    UT_hash_handle hh;
};

lode_err
strides_note(struct strided **notes, uint32_t entry, const int64_t strides[LODE_MAX_NDIM])
{
    struct strided *note = malloc(sizeof *note);
    if (note == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for an array's strides");
    }
    note->entry = entry;
    memcpy(note->strides, strides, sizeof note->strides);
    HASH_ADD(hh, *notes, entry, sizeof note->entry, note);
    if (!hash_has(hh, note)) {
        free(note);
        return lode_fail_with(LODE_ENOMEM, "no memory for an array's strides");
    }
    return LODE_OK;
}

void
strides_write(struct strided **notes, struct table *table, uint32_t entry)
{
    struct strided *note;
    HASH_FIND(hh, *notes, &entry, sizeof entry, note);
    if (note != NULL) {
        object_write_strides(table, entry, note->strides);
        strides_forget(notes, entry);
    }
}

void
strides_forget(struct strided **notes, uint32_t entry)
{
    struct strided *note = NULL;
    if (*notes != NULL) {
        HASH_FIND(hh, *notes, &entry, sizeof entry, note);
    }
    if (note != NULL) {
        HASH_DELETE(hh, *notes, note);
        free(note);
    }
}
