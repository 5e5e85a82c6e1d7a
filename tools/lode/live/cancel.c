/* cancel.c: `lode cancel ID…`: tasks that nobody is to wait for any more. */
#include "api/base/fail.h"
#include "tools/cli/document.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/cli/word.h"
#include "tools/lode/live/commands.h"
#include "tools/lode/live/live.h"

#include <stdio.h>
#include <string.h>

struct cancel_options {
    struct options_common common;
    bool force, alone;
};

static const struct argp_option options[] = {
    {"force", 'f', 0, 0,
     "a task that does not end loses its worker: SIGTERM after 2 s, SIGKILL after 2 s more", 0},
    {"alone", 'a', 0, 0, "not what they have submitted", 0},
    {"recursive", 'r', 0, 0, "with all that they have submitted, as without --alone", 0},
    {0},
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct cancel_options *wanted = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &wanted->common;
        return 0;
    case 'f':
        wanted->force = true;
        return 0;
    case 'a':
        wanted->alone = true;
        return 0;
    case 'r':
        wanted->alone = false;
        return 0;
    case ARGP_KEY_ARGS:
        options_words(state, &wanted->common);
        return 0;
    case ARGP_KEY_NO_ARGS:
        options_error(state, "which tasks? Give ids, as `lode tasks` shows them");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse_option,
    "ID...",
    "Cancel tasks, and all that they have submitted. An id is that of the task's first result, as "
    "`lode tasks` shows it, or as many of its digits as no other task's begins with; a NAME is "
    "that "
    "of such a result. Those that wait for the results get LODE_ECANCELLED. This command does not "
    "wait until the task has ended."
    "\vExit status: 0 the scheduler was told, 2 several tasks fit, 3 there is no such task, 5 no "
    "cluster runs.",
    options_dir_json,
    0,
    0};

/* The tasks that a word may mean. */
struct fits {
    const struct word *word;
    lode_id named; /* zero: the word is no name */
    json_t *list;
};

static void
note_task(json_t *task, void *arg)
{
    struct fits *fits = arg;
    lode_id id = live_id(task);
    bool is_named = !lode_id_is_zero(fits->named);
    if (is_named ? lode_id_equal(id, fits->named) : word_fits(fits->word, id)) {
        json_array_append(fits->list, task);
    }
}

static lode_err
look_up_name(lode *db, const struct word *word, lode_id *id_out)
{
    memset(id_out, 0, sizeof *id_out);
    if (!word->may_be_name) {
        return LODE_OK;
    }
    lode_err err = lode_name_lookup(db, word_space(word), word->name, 0, id_out);
    if (err == LODE_OK) {
        lode_drop(db, *id_out); /* the name keeps it */
    }
    return err == LODE_ENOTFOUND ? LODE_OK : err;
}

/* The one task that the word means: a new reference. */
static lode_err
find_task(lode *db, const char *text, json_t **task_out)
{
    struct word word;
    struct fits fits = {.word = &word};
    LODE_TRY(word_parse(text, &word));
    LODE_TRY(look_up_name(db, &word, &fits.named));
    fits.list = json_array();
    lode_err err = live_each_task(db, note_task, &fits);
    size_t count = json_array_size(fits.list);
    if (err == LODE_OK && count == 0) {
        err = lode_fail_with(
            LODE_ENOTFOUND, "no task that has not ended makes '%s'; `lode tasks` lists them", text);
    } else if (err == LODE_OK && count > 1) {
        err = lode_fail_with(LODE_EINVAL, "'%s' fits %zu tasks, as %s and %s; write more digits",
                             text, count, live_text(json_array_get(fits.list, 0), "id"),
                             live_text(json_array_get(fits.list, 1), "id"));
    }
    if (err == LODE_OK) {
        *task_out = json_incref(json_array_get(fits.list, 0));
    }
    json_decref(fits.list);
    return err;
}

static lode_err
cancel_one(lode *db, const struct cancel_options *wanted, const char *text, json_t *all)
{
    json_t *task = NULL;
    LODE_TRY(find_task(db, text, &task));
    uint32_t force = wanted->force ? LODE_CANCEL_FORCE : 0;
    uint32_t recursive = wanted->alone ? 0 : LODE_CANCEL_RECURSIVE;
    lode_err err = lode_cancel(db, live_id(task), force | recursive);
    if (err == LODE_OK && !wanted->common.json) {
        const char *state = live_text(task, "state");
        bool may_go_on = !wanted->force && strcmp(state, "running") == 0;
        printf("%s  %s, which was %s, is to end%s\n", live_text(task, "id"),
               live_text(task, "function"), state,
               may_go_on ? "; --force ends one that does not look" : "");
    }
    if (err == LODE_OK) {
        json_array_append(all, task);
    }
    json_decref(task);
    return err;
}

static int
cancel_all(lode *db, void *arguments)
{
    const struct cancel_options *wanted = arguments;
    int code = EXIT_OK;
    json_t *all = json_array();
    for (int i = 0; i < wanted->common.count; i++) {
        lode_err err = cancel_one(db, wanted, wanted->common.words[i], all);
        int one = err == LODE_OK ? EXIT_OK : program_failed(err);
        code = code == EXIT_OK ? one : code;
    }
    if (wanted->common.json) {
        document_print(json_pack("{s:s, s:b, s:O}", "schema", "lode.cancel/1", "force",
                                 wanted->force, "tasks", all));
    }
    json_decref(all);
    return code;
}

int
command_cancel(int argc, char **argv)
{
    struct cancel_options wanted = {0};
    options_parse(&argp, argc, argv, &wanted);
    return live_run(wanted.common.dir, cancel_all, &wanted);
}
