#include "api/base/clock.h"
#include "api/cluster/paths.h"
#include "api/cluster/sweep.h"
#include "tools/cli/document.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/cli/size.h"
#include "tools/clusters/clusters.h"
#include "tools/lode/cluster/commands.h"

#include <stdio.h>

struct sweep_options {
    struct options_common common; /* the first: options_without_words() */
    bool only_shows;
};

static const struct argp_option options[] = {
    {"dry-run", 'n', 0, 0, "show what would be removed, and remove nothing", 0},
    {0},
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct sweep_options *wanted = state->input;
    if (key != 'n') {
        return options_without_words(key, arg, state);
    }
    wanted->only_shows = true;
    return 0;
}

static const struct argp argp = {
    options,
    parse_option,
    0,
    "Show and remove what clusters left of which no process lives any more, since all were killed "
    "at once: private ones with their directories, and shared memory beside that of the cluster "
    "that is meant. Every start does so too. What runs is never touched, nor, for a minute, a "
    "directory in which nothing was started yet. What cannot be removed is shown with the reason."
    "\vExit status: 0, also if there was nothing.",
    options_dir_json,
    0,
    0};

struct found {
    bool json, only_shows;
    json_t *list;
    json_t *shm; /* the directories of shared memory that were shown, as keys */
};

static void
show_json(const struct lode_dead *dead, json_t *list)
{
    json_t *one = json_pack("{s:o, s:I}", "dir", document_text(dead->path), "shm_bytes",
                            (json_int_t)dead->bytes);
    if (dead->kept != NULL) {
        json_object_set_new(one, "kept", document_text(dead->kept));
    }
    json_array_append_new(list, one);
}

/* What is only shown is still there when shared memory is looked at, and was shown already. */
static void
show(const struct lode_dead *dead, void *arg)
{
    struct found *found = arg;
    char size[SIZE_TEXT_MAX];
    if (json_object_get(found->shm, dead->shm) != NULL) {
        return;
    }
    json_object_set_new_nocheck(found->shm, dead->shm, json_true());
    if (found->json) {
        show_json(dead, found->list);
    } else if (dead->kept != NULL) {
        printf("%s  kept: %s\n", dead->path, dead->kept);
    } else {
        printf("%s  %s of shared memory%s\n", dead->path, size_format(dead->bytes, size),
               found->only_shows ? "" : ", removed");
    }
}

int
command_sweep(int argc, char **argv)
{
    struct sweep_options wanted = {0};
    struct lode_paths paths;
    options_parse(&argp, argc, argv, &wanted);
    lode_err err = lode_paths_resolve(wanted.common.dir, &paths);
    if (err != LODE_OK) {
        return program_failed(err);
    }
    struct found found = {wanted.common.json, wanted.only_shows, json_array(), json_object()};
    clusters_sweep_dead(!wanted.only_shows, LODE_NEVER, show, &found);
    lode_sweep_dead(&paths, !wanted.only_shows, LODE_NEVER, show, &found);
    json_decref(found.shm);
    if (wanted.common.json) {
        document_print(json_pack("{s:s, s:b, s:o}", "schema", "lode.sweep/1", "removed",
                                 !wanted.only_shows, "dead", found.list));
    } else {
        json_decref(found.list);
    }
    return EXIT_OK;
}
