#include "tools/lode/live/live.h"

#include "api/base/fail.h"
#include "api/client/tasks/functions.h"
#include "tools/cli/program.h"

#include <stdio.h>
#include <stdlib.h>

int
live_run(const char *dir, attach_fn work, void *arguments)
{
    struct cluster cluster;
    lode_err err = clusters_find(dir, &cluster);
    return err == LODE_OK ? attach_run(cluster.dir, 0, work, arguments) : program_failed(err);
}

/* Takes the text. */
static lode_err
each_of(char *text, const char *key, live_fn each, void *arg)
{
    json_t *one, *document = text != NULL ? json_loads(text, 0, NULL) : NULL;
    json_t *list = json_object_get(document, key);
    char left_out_key[64];
    size_t i;
    free(text);
    if (!json_is_array(list)) {
        json_decref(document);
        return lode_fail_with(LODE_EPROTO, "the scheduler's list of %s cannot be read", key);
    }
    json_array_foreach(list, i, one)
    {
        each(one, arg);
    }
    snprintf(left_out_key, sizeof left_out_key, "%s_left_out", key);
    int64_t left_out = live_number(document, left_out_key);
    if (left_out > 0) {
        program_error(0, "%lld more %s have no room in the list", (long long)left_out, key);
    }
    json_decref(document);
    return LODE_OK;
}

lode_err
live_each_task(lode *db, live_fn each, void *arg)
{
    uint64_t at = 0;
    do {
        char *text = NULL;
        LODE_TRY(lode_tasks_list(db, &at, &text));
        LODE_TRY(each_of(text, "tasks", each, arg));
    } while (at != 0);
    return LODE_OK;
}

lode_err
live_each_worker(lode *db, live_fn each, void *arg)
{
    char *text = NULL;
    LODE_TRY(lode_tasks_workers(db, &text));
    return each_of(text, "workers", each, arg);
}

const char *
live_text(json_t *one, const char *key)
{
    const char *text = json_string_value(json_object_get(one, key));
    return text != NULL ? text : "";
}

int64_t
live_number(json_t *one, const char *key)
{
    return json_integer_value(json_object_get(one, key));
}

lode_id
live_id(json_t *task)
{
    lode_id id = {{0}};
    return lode_id_parse(live_text(task, "id"), &id) == LODE_OK ? id : (lode_id){{0}};
}
