#include "scheduler/core/state/questions.h"

#include "scheduler/core/state/actions.h"

void
core_ask(struct core *core, enum core_action_type type, uint64_t store_session,
         struct core_question *question, const lode_id *ids, uint32_t count)
{
    LODE_ASSERT(count <= CORE_STORE_IDS);
    question->cookie = ++core->next_cookie;
    TAILQ_INSERT_TAIL(&core->questions, question, link);
    core_emit_ids(core, type, store_session, question->cookie, ids, count);
}

void
core_answered(struct core *core, uint64_t cookie, const uint8_t *status, uint32_t count)
{
    struct core_question *question;
    TAILQ_FOREACH(question, &core->questions, link)
    {
        if (question->cookie == cookie) {
            break; /* the store answers in the order of asking: it is among the first */
        }
    }
    if (question == NULL) {
        return;
    }
    TAILQ_REMOVE(&core->questions, question, link);
    question->answered(core, question, status, count);
    free(question);
}

void
core_questions_fini(struct core *core)
{
    struct core_question *question;
    while ((question = TAILQ_FIRST(&core->questions)) != NULL) {
        TAILQ_REMOVE(&core->questions, question, link);
        free(question);
    }
}
