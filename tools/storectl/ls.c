/* ls.c: `storectl ls [PATTERN]`: the objects of the store. */
#include "tools/cli/options.h"
#include "tools/cli/size.h"
#include "tools/storectl/describe.h"
#include "tools/storectl/listing.h"
#include "tools/storectl/storectl.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum format { TABLE, JSON, JSONL };
enum { KEY_JSON = 256, KEY_JSONL };

typedef int (*order_fn)(const void *a, const void *b);

struct arguments {
    struct storectl_common common;
    enum format format;
    const char *sort;
    const char *pattern;
};

static const struct argp_option options[] = {
    {"sort", 's', "KEY", 0, "by age (youngest last, the default), size (largest first) or id", 0},
    {"json", KEY_JSON, 0, 0, "one document, \"storectl.ls/1\"", 0},
    {"jsonl", KEY_JSONL, 0, 0, "one object a line", 0},
    {0},
};

static bool
is_sort_key(const char *key)
{
    return strcmp(key, "age") == 0 || strcmp(key, "size") == 0 || strcmp(key, "id") == 0;
}

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        return 0;
    case 's':
        if (!is_sort_key(arg)) {
            argp_error(state, "--sort: '%s' is neither age, size nor id", arg);
        }
        a->sort = arg;
        return 0;
    case KEY_JSON:
        a->format = JSON;
        return 0;
    case KEY_JSONL:
        a->format = JSONL;
        return 0;
    case ARGP_KEY_ARG:
        if (a->pattern != NULL) {
            argp_error(state, "one pattern, not two: '%s' and '%s'", a->pattern, arg);
        }
        a->pattern = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int
by_age(const void *a, const void *b)
{
    const lode_object_info *x = a, *y = b;
    return (x->age_ns < y->age_ns) - (x->age_ns > y->age_ns);
}

static int
by_size(const void *a, const void *b)
{
    const lode_object_info *x = a, *y = b;
    return (x->size_bytes < y->size_bytes) - (x->size_bytes > y->size_bytes);
}

static int
by_id(const void *a, const void *b)
{
    return memcmp(&((const lode_object_info *)a)->id, &((const lode_object_info *)b)->id,
                  sizeof(lode_id));
}

static void
sort_objects(struct listing *listing, const char *key)
{
    order_fn order = strcmp(key, "size") == 0 ? by_size : strcmp(key, "id") == 0 ? by_id : by_age;
    if (listing->count > 0) {
        qsort(listing->objects, listing->count, sizeof *listing->objects, order);
    }
}

/* With a pattern, objects of which a name matches. */
static bool
is_shown(const struct listing *listing, const lode_object_info *info, const char *pattern)
{
    const struct listed_name *first;
    size_t count = listing_names(listing, info->id, &first);
    for (size_t i = 0; pattern != NULL && i < count; i++) {
        if (fnmatch(pattern, first[i].text, 0) == 0) {
            return true;
        }
    }
    return pattern == NULL;
}

static bool
is_colour(void)
{
    return isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
}

static void
print_row(const struct listing *listing, const lode_object_info *info)
{
    char id[LODE_ID_TEXT_SIZE], size[SIZE_TEXT_MAX], array[DESCRIBE_MAX], age[DESCRIBE_MAX];
    const struct listed_name *first;
    size_t names = listing_names(listing, info->id, &first);
    lode_id_format(info->id, id);
    printf("%s  %-7s %-6s %10s %4llu %4llu %8s  %-20s ", id, describe_state(info->state),
           describe_kind(info->kind), size_format(info->size_bytes, size),
           (unsigned long long)info->references, (unsigned long long)info->pins,
           describe_age(info->age_ns, age), describe_array(info, array));
    for (size_t i = 0; i < names; i++) {
        printf("%s%s", i > 0 ? ", " : "", first[i].text);
    }
    putchar('\n');
}

static void
print_table(const struct listing *listing, const char *pattern)
{
    bool colour = is_colour();
    printf("%s%-32s  %-7s %-6s %10s %4s %4s %8s  %-20s %s%s\n", colour ? "\033[1m" : "", "id",
           "state", "kind", "size", "refs", "pins", "age", "array", "names",
           colour ? "\033[0m" : "");
    for (size_t i = 0; i < listing->count; i++) {
        if (is_shown(listing, &listing->objects[i], pattern)) {
            print_row(listing, &listing->objects[i]);
        }
    }
}

static json_t *
row_json(const struct listing *listing, const lode_object_info *info)
{
    json_t *object = describe_json(info);
    json_object_set_new(object, "names", listing_names_json(listing, info->id));
    return object;
}

static void
print_json(const struct listing *listing, const char *pattern, enum format format)
{
    json_t *all = json_array();
    for (size_t i = 0; i < listing->count; i++) {
        if (!is_shown(listing, &listing->objects[i], pattern)) {
            continue;
        }
        json_t *object = row_json(listing, &listing->objects[i]);
        if (format == JSONL) {
            json_dumpf(object, stdout, JSON_COMPACT);
            putchar('\n');
            json_decref(object);
        } else {
            json_array_append_new(all, object);
        }
    }
    if (format == JSON) {
        json_t *document = json_pack("{s:s, s:O}", "schema", "storectl.ls/1", "objects", all);
        json_dumpf(document, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(document);
    }
    json_decref(all);
}

int
storectl_ls(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse_option,
        "[PATTERN]",
        "Lists the objects of the store; with a PATTERN (as 'x*', 'space/*') those of which a name "
        "matches.",
        storectl_children,
        0,
        0};
    struct arguments a = {.sort = "age"};
    struct listing listing;
    lode *db;
    options_parse(&argp, argc, argv, &a);
    lode_err err = storectl_open(&a.common, &db);
    if (err != LODE_OK) {
        return storectl_failed("ls", err);
    }
    err = listing_read(db, true, &listing);
    if (err != LODE_OK) {
        int code = storectl_failed("ls", err);
        lode_close(db);
        return code;
    }
    sort_objects(&listing, a.sort);
    if (a.format == TABLE) {
        print_table(&listing, a.pattern);
    } else {
        print_json(&listing, a.pattern, a.format);
    }
    listing_free(&listing);
    lode_close(db);
    return EXIT_OK;
}
