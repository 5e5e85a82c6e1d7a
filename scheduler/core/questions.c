#include "scheduler/core/questions.h"

#include "scheduler/core/actions.h"

void
core_ask(struct core *core, enum core_action_type type, uint64_t store_session,
         struct core_question *question, const lode_id *ids, uint32_t count)
{
    LODE_ASSERT(count <= CORE_STORE_IDS);
    question->cookie = ++core->next_cookie;
    HASH_ADD(hh, core->questions, cookie, sizeof question->cookie, question);
    core_emit_ids(core, type, store_session, question->cookie, ids, count);
}

void
core_answered(struct core *core, uint64_t cookie, const uint8_t *status, uint32_t count)
{
    struct core_question *question;
    HASH_FIND(hh, core->questions, &cookie, sizeof cookie, question);
    if (question == NULL) {
        return;
    }
    HASH_DELETE(hh, core->questions, question);
    question->answered(core, question, status, count);
    free(question);
}

void
core_questions_fini(struct core *core)
{
    struct core_question *question, *next;
    HASH_ITER(hh, core->questions, question, next)
    {
        HASH_DELETE(hh, core->questions, question);
        free(question);
    }
}
