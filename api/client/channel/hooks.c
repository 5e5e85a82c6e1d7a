#include "api/client/channel/hooks.h"

#include <unistd.h>

#include "api/base/fail.h"

#include <stdio.h>
#include <string.h>

const struct lode_session_hooks *
lode_hooks_install(struct lode_hooks *hooks, enum lode_hook_slot slot,
                   const struct lode_session_hooks *table)
{
    const struct lode_session_hooks *there = NULL;
    return atomic_compare_exchange_strong(&hooks->slot[slot], &there, table) ? table : there;
}

static const struct lode_session_hooks *
table_of(const struct lode_hooks *hooks, int slot)
{
    return lode_hooks_in(hooks, (enum lode_hook_slot)slot);
}

/*
 * A hook that cannot send its message fails alone: the sentence stays that of the call which slept.
 * The worker's is first: its BLOCKED takes along what the task client holds.
 */
void
lode_hooks_blocked(const struct lode_hooks *hooks, enum lode_sleep sleep)
{
    char sentence[LODE_FAIL_MAX];
    snprintf(sentence, sizeof sentence, "%s", lode_last_error());
    for (int i = LODE_HOOK_SLOTS - 1; i >= 0; i--) {
        const struct lode_session_hooks *table = table_of(hooks, i);
        if (table != NULL && table->blocked != NULL) {
            table->blocked(table->arg, sleep);
        }
    }
    if (strcmp(lode_last_error(), sentence) != 0) {
        (void)lode_fail_with(LODE_ESYS, "%s", sentence);
    }
}

lode_err
lode_hooks_interrupted(const struct lode_hooks *hooks)
{
    for (int i = 0; i < LODE_HOOK_SLOTS; i++) {
        const struct lode_session_hooks *table = table_of(hooks, i);
        if (table != NULL && table->interrupted != NULL) {
            LODE_TRY(table->interrupted(table->arg));
        }
    }
    return LODE_OK;
}

lode_err
lode_hooks_stopped(const struct lode_hooks *hooks)
{
    for (int i = 0; i < LODE_HOOK_SLOTS; i++) {
        const struct lode_session_hooks *table = table_of(hooks, i);
        if (table != NULL && table->stopped != NULL) {
            LODE_TRY(table->stopped(table->arg));
        }
    }
    return LODE_OK;
}

lode_err
lode_hooks_pending(const struct lode_hooks *hooks, lode_id id)
{
    for (int i = 0; i < LODE_HOOK_SLOTS; i++) {
        const struct lode_session_hooks *table = table_of(hooks, i);
        if (table != NULL && table->pending != NULL) {
            lode_err err = table->pending(table->arg, id);
            if (err != LODE_OK) {
                return err;
            }
        }
    }
    return LODE_OK;
}

void
lode_hooks_drafted(const struct lode_hooks *hooks, const lode_draft *draft, bool open)
{
    for (int i = 0; i < LODE_HOOK_SLOTS; i++) {
        const struct lode_session_hooks *table = table_of(hooks, i);
        if (table != NULL && table->drafted != NULL) {
            table->drafted(table->arg, draft, open);
        }
    }
}

void
lode_hooks_close(const struct lode_hooks *hooks)
{
    for (int i = 0; i < LODE_HOOK_SLOTS; i++) {
        const struct lode_session_hooks *table = table_of(hooks, i);
        if (table != NULL && table->close != NULL) {
            table->close(table->arg);
        }
    }
}

void
lode_hooks_forked(const struct lode_hooks *hooks)
{
    for (int i = 0; i < LODE_HOOK_SLOTS; i++) {
        const struct lode_session_hooks *table = table_of(hooks, i);
        if (table != NULL && table->forked != NULL) {
            table->forked(table->arg);
        }
    }
}

void
lode_hooks_destroy(struct lode_hooks *hooks)
{
    for (int i = 0; i < LODE_HOOK_SLOTS; i++) {
        const struct lode_session_hooks *table = atomic_exchange(&hooks->slot[i], NULL);
        if (table != NULL && table->destroy != NULL) {
            table->destroy(table->arg);
        }
    }
}

/* ---- sessions of tasks ----------------------------------------------------------------------- */

static const struct lode_session_hooks *_Atomic host;
static pid_t host_pid;

void
lode_hooks_set_host(const struct lode_session_hooks *table)
{
    host_pid = getpid();
    atomic_store_explicit(&host, table, memory_order_release);
}

const struct lode_session_hooks *
lode_hooks_host(void)
{
    const struct lode_session_hooks *table = atomic_load_explicit(&host, memory_order_acquire);
    return table != NULL && getpid() == host_pid ? table : NULL;
}

lode_err
lode_hooks_host_stopped(void)
{
    const struct lode_session_hooks *table = lode_hooks_host();
    return table != NULL && table->stopped != NULL ? table->stopped(table->arg) : LODE_OK;
}

uint64_t
lode_hooks_task(void)
{
    const struct lode_session_hooks *table = lode_hooks_host();
    return table != NULL ? table->task(table->arg) : 0;
}
