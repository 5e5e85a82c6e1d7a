/* stat.c: `storectl stat [NAME|ID…]`: what the store knows of an object, or of itself. */
#include "tools/cli/attach.h"
#include "tools/cli/describe.h"
#include "tools/cli/document.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/cli/size.h"
#include "tools/cli/word.h"
#include "tools/storectl/listing.h"
#include "tools/storectl/storectl.h"

#include <stdio.h>
#include <string.h>

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->input;
        return 0;
    case ARGP_KEY_ARGS:
        options_words(state, state->input);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- the store ------------------------------------------------------------------------------- */

/* clang-format off */
/*    field                    what people read        bytes? */
#define STATS_MAP(X)                                          \
    X(capacity_bytes,          "capacity",             true)  \
    X(used_bytes,              "used",                 true)  \
    X(free_bytes,              "free",                 true)  \
    X(largest_free_bytes,      "largest free",         true)  \
    X(committed_bytes,         "committed",            true)  \
    X(unsealed_bytes,          "unsealed",             true)  \
    X(objects,                 "objects",              false) \
    X(unsealed_objects,        "unsealed objects",     false) \
    X(names,                   "names",                false) \
    X(sessions,                "sessions",             false) \
    X(created,                 "created",              false) \
    X(sealed,                  "sealed",               false) \
    X(aborted,                 "aborted",              false) \
    X(freed,                   "freed",                false) \
    X(gets_by_message,         "gets by message",      false) \
    X(waits,                   "waits",                false) \
    X(wakes,                   "wakes",                false) \
    X(doorbells,               "doorbells",            false) \
    X(ring_records,            "ring records",         false) \
    X(bad_messages,            "bad messages",         false) \
    X(credit_recalls,          "credit recalls",       false) \
    X(longest_turn_ns,         "longest turn, ns",     false)
/* clang-format on */

static void
print_stats(const lode_store_stats *s)
{
    char text[DESCRIBE_MAX], size[SIZE_TEXT_MAX];
#define PRINT_ONE(field, name, is_bytes)                                                           \
    if (is_bytes) {                                                                                \
        printf("%-17s %s\n", name ":", size_format(s->field, size));                               \
    } else {                                                                                       \
        printf("%-17s %llu\n", name ":", (unsigned long long)s->field);                            \
    }
    STATS_MAP(PRINT_ONE)
#undef PRINT_ONE
    printf("%-17s %s\n", "up:", describe_age(s->uptime_ns, text));
    printf("%-17s %lld\n", "pid:", (long long)s->store_pid);
}

static json_t *
stats_json(const lode_store_stats *s)
{
    json_t *o = json_pack("{s:s}", "schema", "storectl.store/2");
#define SET_ONE(field, name, is_bytes)                                                             \
    json_object_set_new(o, #field, json_integer((json_int_t)s->field));
    STATS_MAP(SET_ONE)
#undef SET_ONE
    json_object_set_new(o, "uptime_ns", json_integer((json_int_t)s->uptime_ns));
    json_object_set_new(o, "store_pid", json_integer((json_int_t)s->store_pid));
    json_object_set_new(o, "generation", document_u64(s->generation));
    return o;
}

static int
stat_store(lode *db, bool json)
{
    lode_store_stats stats;
    lode_err err = lode_get_store_stats(db, &stats);
    if (err != LODE_OK) {
        return program_failed(err);
    }
    if (json) {
        document_print(stats_json(&stats));
    } else {
        print_stats(&stats);
    }
    return EXIT_OK;
}

/* ---- objects --------------------------------------------------------------------------------- */

static void
print_object(const struct listing *listing, const lode_object_info *info)
{
    char id[LODE_ID_TEXT_SIZE], size[SIZE_TEXT_MAX], text[DESCRIBE_MAX];
    lode_id_format(info->id, id);
    printf("%-11s %s\n%-11s ", "id:", id, "names:");
    if (listing_print_names(listing, info->id, true) == 0) {
        putchar('-');
    }
    printf("\n%-11s %s\n%-11s %s\n", "state:", describe_state(info->state),
           "kind:", describe_kind(info->kind));
    if (info->kind == LODE_KIND_ARRAY) {
        printf("%-11s %s\n%-11s", "array:", describe_array(info, text), "strides:");
        for (int i = 0; i < info->array.ndim; i++) {
            printf(" %lld", (long long)info->array.strides[i]);
        }
        puts(info->array.ndim == 0 ? " -" : "");
    }
    printf("%-11s %s (%llu bytes)\n", "size:", size_format(info->size_bytes, size),
           (unsigned long long)info->size_bytes);
    printf("%-11s %s\n%-11s %llu\n%-11s %llu\n%-11s %s\n",
           "class:", describe_class(info->object_class),
           "references:", (unsigned long long)info->references,
           "pins:", (unsigned long long)info->pins, "age:", describe_age(info->age_ns, text));
    if (info->maker_pid > 0) {
        printf("%-11s pid %lld\n", "maker:", (long long)info->maker_pid);
    } else {
        printf("%-11s %s\n", "maker:",
               info->maker_pid == 0 ? "its session has ended"
                                    : "a process that the store's pid namespace does not have");
    }
}

/* The info of one word's object; says on stderr what is wrong, and returns the exit code. */
static int
stat_word(lode *db, const char *text, lode_object_info *info_out)
{
    struct word word;
    lode_id id;
    bool named;
    lode_err err = word_parse(text, &word);
    if (err != LODE_OK) {
        return program_failed(err);
    }
    err = word_resolve(db, &word, 0, &id, &named);
    if (err == LODE_OK) {
        if (named) {
            lode_drop(db, id); /* the name keeps it; ours is not to be counted */
        }
        err = lode_stat(db, id, info_out);
    }
    if (err == LODE_ENOTFOUND || err == LODE_EGONE) {
        err = word_not_found(db, text);
    }
    return err == LODE_OK ? EXIT_OK : program_failed(err);
}

static int
stat_objects(lode *db, const struct options_common *a)
{
    struct listing listing;
    int code = EXIT_OK, printed = 0;
    json_t *all = json_array();
    lode_err err = listing_read(db, false, &listing);
    if (err != LODE_OK) {
        json_decref(all);
        return program_failed(err);
    }
    for (int i = 0; i < a->count; i++) {
        lode_object_info info;
        int one = stat_word(db, a->words[i], &info);
        if (one != EXIT_OK) {
            code = code == EXIT_OK ? one : code;
        } else if (a->json) {
            json_t *object = describe_json(&info);
            listing_add_names(&listing, info.id, object);
            json_array_append_new(all, object);
        } else {
            fputs(printed++ > 0 ? "\n" : "", stdout);
            print_object(&listing, &info);
        }
    }
    if (a->json) {
        document_print(json_pack("{s:s, s:O}", "schema", "storectl.stat/1", "objects", all));
    }
    json_decref(all);
    listing_free(&listing);
    return code;
}

static int
stat_any(lode *db, void *arguments)
{
    const struct options_common *a = arguments;
    return a->count == 0 ? stat_store(db, a->json) : stat_objects(db, a);
}

int
storectl_stat(int argc, char **argv)
{
    static const struct argp argp = {0,
                                     parse_option,
                                     "[NAME|ID...]",
                                     "Says what the store knows of objects; without any, how the "
                                     "store itself does.",
                                     options_dir_json,
                                     0,
                                     0};
    struct options_common a = {0};
    options_parse(&argp, argc, argv, &a);
    return attach_run(a.dir, LODE_OPEN_STORE_ONLY, stat_any, &a);
}
