/* train.c -> libtrain.so: what the workers of the parameter server do. */
#include <lode/lode.h>
#include <stdlib.h>

static lode_err train(lode_task *task) /* what an early return leaves held, the worker drops */
{
    lode *db = lode_task_session(task);
    lode_actor ps;
    lode_id now, step;
    lode_view w;
    lode_draft g;
    int64_t rounds;
    LODE_TRY(lode_task_actor(task, 0, &ps));
    LODE_TRY(lode_task_i64(task, 1, &rounds));
    for (int64_t r = 0; r < rounds; r++) {
        if (lode_task_cancelled(task)) {
            return LODE_ECANCELLED;
        }
        LODE_TRY(lode_actor_call(db, ps, "get", LODE_NO_ARGS, NULL, &now));
        LODE_TRY(lode_get(db, now, LODE_FOREVER, &w));
        LODE_TRY(lode_create_array(db, &w.array, LODE_FOREVER, &g));
        for (int64_t i = 0; i < w.array.shape[0]; i++) {
            ((double *)g.data)[i] = 1e-3 * ((const double *)w.data)[i] + drand48();
        }
        lode_release(&w);
        lode_drop(db, now);
        LODE_TRY(lode_seal(&g, &step));
        LODE_TRY(lode_actor_call(db, ps, "update", LODE_ARGS(lode_ref(step)), NULL, NULL)); /* no result wanted */
        lode_drop(db, step);
    }
    return LODE_OK;
}

static const lode_function functions[] = {
    {"train", "(server: ps.Server, rounds: i64)", train, 0},
    {0},
};
LODE_LIBRARY("train", functions, NULL);
