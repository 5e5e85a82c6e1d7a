/*
 * questions.h: questions to the store about a session's results (SETTLE, RESULTS). A question is
 * the first member of a struct in which the asker keeps what it wants to remember. The answer
 * brings it back.
 */
#ifndef LODE_SCHEDULER_CORE_QUESTIONS_H
#define LODE_SCHEDULER_CORE_QUESTIONS_H

#include "scheduler/core/state/state.h"

struct core_question {
    uint64_t cookie;
    /*
     * Called once. The question is freed after it. `count` is the number of ids that were asked
     * for. Fewer do no harm to the core, but the daemon lets no question go unanswered: `store.h`.
     */
    void (*answered)(struct core *core, struct core_question *question, const uint8_t *status,
                     uint32_t count);
    TAILQ_ENTRY(core_question) link; /* core.questions */
};

/*
 * `question` is malloc'ed, and is the core's from now on. `store_session`: whose ids they are asked
 * of; at most CORE_STORE_IDS of them.
 */
void core_ask(struct core *core, enum core_action_type type, uint64_t store_session,
              struct core_question *question, const lode_id *ids, uint32_t count);

void core_answered(struct core *core, uint64_t cookie, const uint8_t *status, uint32_t count);
void core_questions_fini(struct core *core);

#endif
