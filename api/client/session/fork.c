#include "api/client/session/fork.h"

#include "api/system/descriptor.h"
#include "api/base/fail.h"
#include "api/client/session/handle.h"

#include <sys/mman.h>
#include <unistd.h>

/*
 * A killed store gives no bytes to anybody: what is mapped stays as it is. But if the session's row
 * says that the session has ended, the store may live, and give the bytes to other objects.
 */
static bool
store_is_gone(const lode *db, lode_err err)
{
    return err == LODE_EDOWN &&
           (atomic_load_explicit(&db->index.header->down, memory_order_relaxed) != 0 ||
            lode_row_is_of(db->row, db->number));
}

static lode_err
ask(lode *db, int64_t answer_by)
{
    struct lode_msg_head request = {.type = LODE_MSG_FORK};
    struct lode_reply reply = {.type = LODE_MSG_KEPT, .fds_wanted = 2, .answer_by = answer_by};
    LODE_TRY(lode_store_ask(&db->calls, &request, sizeof request, NULL, 0, &reply));
    void *mark = mmap(NULL, LODE_PAGE, PROT_NONE, MAP_SHARED, reply.fds[0], 0);
    lode_err err = mark == MAP_FAILED ? lode_fail_errno("cannot map the mark of a fork") : LODE_OK;
    close(reply.fds[0]);
    if (err != LODE_OK) {
        close(reply.fds[1]);
        return err;
    }
    db->fork.mark = mark;
    db->fork.pipe_fd = lode_descriptor_hang_high(reply.fds[1]);
    return LODE_OK;
}

void
lode_fork_before(lode *sessions)
{
    for (lode *db = sessions; db != NULL; db = db->next) {
        db->fork = (struct lode_fork){.pipe_fd = -1};
        atomic_store_explicit(&db->forking, true, memory_order_relaxed);
    }
    atomic_thread_fence(memory_order_seq_cst);
    int64_t answer_by = lode_answer_by(); /* of all stores: a fork must not hang because one does */
    for (lode *db = sessions; db != NULL; db = db->next) {
        if (atomic_load_explicit(&db->attached, memory_order_acquire) &&
            !lode_pins_all_clear(&db->pin_slots, db->pins)) {
            lode_err err = ask(db, answer_by);
            db->fork.refused = err != LODE_OK && !store_is_gone(db, err);
        }
    }
}

void
lode_fork_in_parent(lode *sessions)
{
    for (lode *db = sessions; db != NULL; db = db->next) {
        if (db->fork.mark != NULL) {
            munmap(db->fork.mark, LODE_PAGE);
            close(db->fork.pipe_fd);
        }
        atomic_store_explicit(&db->forking, false, memory_order_relaxed);
    }
}

/* A view that another thread was making belongs to nobody in the child, which lacks that thread. */
void
lode_fork_in_child(lode *sessions)
{
    for (lode *db = sessions; db != NULL; db = db->next) {
        if (db->fork.refused) {
            (void)mprotect((void *)(uintptr_t)db->index.base, LODE_INDEX_BYTES, PROT_NONE);
            lode_segments_forbid(&db->segments);
        }
    }
}
