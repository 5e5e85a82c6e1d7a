#include "api/client/session/dependents.h"

#include "api/client/session/handle.h"
#include "api/client/session/process.h"

#include <unistd.h>

void
lode_dependents_add(lode *db, struct lode_dependent *dependent)
{
    dependent->db = db;
    for (int i = 0; i < LODE_DEPENDENT_FDS; i++) {
        dependent->fds[i] = -1;
    }
    lode_process_lock();
    dependent->previous = NULL;
    dependent->next = db->dependents;
    if (dependent->next != NULL) {
        dependent->next->previous = dependent;
    }
    db->dependents = dependent;
    lode_process_unlock();
}

static void
close_fds(struct lode_dependent *dependent)
{
    for (int i = 0; i < LODE_DEPENDENT_FDS; i++) {
        if (dependent->fds[i] >= 0) {
            close(dependent->fds[i]);
            dependent->fds[i] = -1;
        }
    }
}

void
lode_dependents_remove(struct lode_dependent *dependent)
{
    lode_process_lock();
    if (dependent->previous != NULL) {
        dependent->previous->next = dependent->next;
    } else {
        dependent->db->dependents = dependent->next;
    }
    if (dependent->next != NULL) {
        dependent->next->previous = dependent->previous;
    }
    close_fds(dependent);
    dependent->db = NULL;
    lode_process_unlock();
}

void
lode_dependents_end(lode *db)
{
    while (db->dependents != NULL) { /* no other call of the session is under way */
        struct lode_dependent *dependent = db->dependents;
        dependent->end(dependent);
        lode_dependents_remove(dependent);
    }
}
