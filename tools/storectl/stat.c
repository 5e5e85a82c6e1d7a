/* stat.c: `storectl stat [NAME|ID…]`: what the store knows of an object, or of itself. */
#include "tools/cli/options.h"
#include "tools/cli/size.h"
#include "tools/storectl/describe.h"
#include "tools/storectl/listing.h"
#include "tools/storectl/storectl.h"

#include <stdio.h>
#include <string.h>

struct arguments {
    struct storectl_common common;
    bool json;
    char **words;
    int count;
};

static const struct argp_option options[] = {
    {"json", 'j', 0, 0, "one document, \"storectl.stat/1\" or \"storectl.store/1\"", 0},
    {0},
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        return 0;
    case 'j':
        a->json = true;
        return 0;
    case ARGP_KEY_ARGS:
        a->words = state->argv + state->next;
        a->count = state->argc - state->next;
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
    X(evictions,               "evictions",            false) \
    X(spills,                  "spills",               false) \
    X(restores,                "restores",             false)
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
    json_t *o = json_pack("{s:s}", "schema", "storectl.store/1");
#define SET_ONE(field, name, is_bytes)                                                             \
    json_object_set_new(o, #field, json_integer((json_int_t)s->field));
    STATS_MAP(SET_ONE)
#undef SET_ONE
    json_object_set_new(o, "uptime_ns", json_integer((json_int_t)s->uptime_ns));
    json_object_set_new(o, "store_pid", json_integer((json_int_t)s->store_pid));
    json_object_set_new(o, "generation", json_integer((json_int_t)s->generation));
    return o;
}

static void
print_document(json_t *document)
{
    json_dumpf(document, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(document);
}

static int
stat_store(lode *db, bool json)
{
    lode_store_stats stats;
    lode_err err = lode_get_store_stats(db, &stats);
    if (err != LODE_OK) {
        return storectl_failed("stat", err);
    }
    if (json) {
        print_document(stats_json(&stats));
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
    const struct listed_name *first;
    size_t names = listing_names(listing, info->id, &first);
    lode_id_format(info->id, id);
    printf("%-11s %s\n%-11s ", "id:", id, "names:");
    for (size_t i = 0; i < names; i++) {
        printf("%s%s", i > 0 ? ", " : "", first[i].text);
    }
    printf("%s\n%-11s %s\n%-11s %s\n", names == 0 ? "-" : "", "state:", describe_state(info->state),
           "kind:", describe_kind(info->kind));
    if (info->kind == LODE_KIND_ARRAY) {
        printf("%-11s %s\n%-11s", "array:", describe_array(info, text), "strides:");
        for (int i = 0; i < info->array.ndim; i++) {
            printf(" %lld", (long long)info->array.strides[i]);
        }
        putchar('\n');
    }
    printf("%-11s %s (%llu bytes)\n", "size:", size_format(info->size_bytes, size),
           (unsigned long long)info->size_bytes);
    printf("%-11s %s\n%-11s %llu\n%-11s %llu\n%-11s %s\n",
           "class:", describe_class(info->object_class),
           "references:", (unsigned long long)info->references,
           "pins:", (unsigned long long)info->pins, "age:", describe_age(info->age_ns, text));
    if (info->maker_pid != 0) {
        printf("%-11s pid %lld\n", "maker:", (long long)info->maker_pid);
    } else {
        printf("%-11s %s\n", "maker:", "its session has ended");
    }
}

/* The info of one word's object; says on stderr what is wrong, and returns the exit code. */
static int
stat_word(lode *db, const char *text, lode_object_info *info_out)
{
    struct storectl_word word;
    lode_id id;
    lode_err err = storectl_parse_word(text, &word);
    if (err != LODE_OK) {
        storectl_failed("stat", err);
        return EXIT_USAGE;
    }
    err = storectl_resolve(db, &word, 0, &id);
    if (err == LODE_OK) {
        if (!word.is_id) {
            lode_drop(db, id); /* the name keeps it; ours is not to be counted */
        }
        err = lode_stat(db, id, info_out);
    }
    if (err == LODE_ENOTFOUND || err == LODE_EGONE) {
        return storectl_not_found("stat", db, text);
    }
    return err == LODE_OK ? EXIT_OK : storectl_failed("stat", err);
}

static int
stat_objects(lode *db, const struct arguments *a)
{
    struct listing listing;
    int code = EXIT_OK;
    json_t *all = json_array();
    lode_err err = listing_read(db, false, &listing);
    if (err != LODE_OK) {
        json_decref(all);
        return storectl_failed("stat", err);
    }
    for (int i = 0; i < a->count; i++) {
        lode_object_info info;
        int one = stat_word(db, a->words[i], &info);
        if (one != EXIT_OK) {
            code = code == EXIT_OK ? one : code;
        } else if (a->json) {
            json_t *object = describe_json(&info);
            json_object_set_new(object, "names", listing_names_json(&listing, info.id));
            json_array_append_new(all, object);
        } else {
            fputs(i > 0 ? "\n" : "", stdout);
            print_object(&listing, &info);
        }
    }
    if (a->json) {
        print_document(json_pack("{s:s, s:O}", "schema", "storectl.stat/1", "objects", all));
    }
    json_decref(all);
    listing_free(&listing);
    return code;
}

int
storectl_stat(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse_option,
                                     "[NAME|ID...]",
                                     "Says what the store knows of objects; without any, how the "
                                     "store itself does.",
                                     storectl_children,
                                     0,
                                     0};
    struct arguments a = {0};
    lode *db;
    options_parse(&argp, argc, argv, &a);
    lode_err err = storectl_open(&a.common, &db);
    if (err != LODE_OK) {
        return storectl_failed("stat", err);
    }
    int code = a.count == 0 ? stat_store(db, a.json) : stat_objects(db, &a);
    lode_close(db);
    return code;
}
