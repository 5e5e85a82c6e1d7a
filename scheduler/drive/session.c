#include "scheduler/drive/session.h"

#include "api/base/fail.h"
#include "api/cluster/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
session_keep(struct drive_session *session)
{
    atomic_fetch_add_explicit(&session->keepers, 1, memory_order_relaxed);
}

static void
free_session(void *arg)
{
    free(arg);
}

void
session_drop(struct drive_session *session)
{
    if (atomic_fetch_sub_explicit(&session->keepers, 1, memory_order_acq_rel) == 1) {
        lode_link_reap(session->link, free_session, session);
    }
}

void
session_flush(struct drive_session *session)
{
    lode_link_flush(session->link);
}

bool
session_is_swamped_locked(struct drive_session *session)
{
    struct lode_link_counters counters;
    lode_link_count(session->link, &counters);
    return counters.backlog_bytes > SESSION_OUTPUT_BACKLOG_MAX;
}

uint32_t
session_count_lines(const struct core_action *action)
{
    const struct lode_task_output *output = core_action_bytes(action);
    const char *at = (const char *)(output + 1) + output->name_size, *end = at + output->text_size;
    uint32_t lines = 0;
    for (; at < end; lines++) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        at = feed != NULL ? feed + 1 : end;
    }
    return lines;
}

/* Says how many lines were left out. A session asks before it closes: no later line may say it. */
static lode_err
tell_dropped_locked(struct drive_session *session, const char *output_log)
{
    static const char NAME[] = "tasks";
    char rest[sizeof NAME + LODE_PATH_MAX + 16];
    int size = snprintf(rest, sizeof rest, "%s%s", NAME, output_log);
    const struct lode_task_output output = {.flags = LODE_OUTPUT_DROPPED,
                                            .name_size = sizeof NAME - 1,
                                            .text_size = (uint32_t)size - (sizeof NAME - 1),
                                            .dropped = session->output_dropped,
                                            .lost = session->output_lost};
    if (session->output_dropped == 0) {
        return LODE_OK;
    }
    session->output_dropped = session->output_lost = 0;
    return lode_link_send(session->link, LODE_TASK_OUTPUT, &output, sizeof output, rest,
                          (uint32_t)size, true);
}

lode_err
session_send_stats_locked(struct drive_session *session, const struct core_action *action,
                          uint64_t repeats, uint64_t longest_turn_ns, const char *output_log)
{
    const char *rest = core_action_bytes(action);
    struct lode_task_stats stats;
    LODE_TRY(tell_dropped_locked(session, output_log));
    memcpy(&stats, rest, sizeof stats);
    stats.stats.repeats_dropped = repeats;
    stats.stats.longest_turn_ns = longest_turn_ns;
    return lode_link_send(session->link, LODE_TASK_STATS_ARE, &stats, sizeof stats,
                          rest + sizeof stats, action->size - (uint32_t)sizeof stats, true);
}

lode_err
session_send_locked(struct drive_session *session, const struct core_action *action,
                    const char *output_log)
{
    if (action->message == LODE_TASK_OUTPUT) {
        LODE_TRY(tell_dropped_locked(session, output_log));
    }
    return lode_link_send(session->link, action->message, core_action_bytes(action), action->size,
                          NULL, 0, true);
}
