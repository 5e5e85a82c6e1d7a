/* ls.c: `storectl ls [PATTERN]`: the objects of the store. */
#include "tools/cli/attach.h"
#include "tools/cli/describe.h"
#include "tools/cli/document.h"
#include "tools/cli/options.h"
#include "tools/cli/program.h"
#include "tools/cli/size.h"
#include "tools/storectl/listing.h"
#include "tools/storectl/storectl.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_JSONL = 256 };

typedef int (*order_fn)(const void *a, const void *b);

struct arguments {
    struct options_common common;
    bool jsonl;
    const char *sort;
    const char *pattern;
};

static const struct argp_option options[] = {
    {"sort", 's', "KEY", 0, "by age (youngest last, the default), size (largest first) or id", 0},
    {"jsonl", KEY_JSONL, 0, 0, "print one JSON object a line", 0},
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
            options_error(state, "--sort: '%s' is neither age, size nor id", arg);
        }
        a->sort = arg;
        return 0;
    case KEY_JSONL:
        a->jsonl = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->pattern != NULL) {
            options_error(state, "one pattern, not two: '%s' and '%s'", a->pattern, arg);
        }
        a->pattern = arg;
        return 0;
    case ARGP_KEY_END:
        if (a->common.json && a->jsonl) {
            options_error(state, "either --json, one document, or --jsonl, one a line");
        }
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
    const char *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL &&
           (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

static void
print_row(const struct listing *listing, const lode_object_info *info)
{
    char id[LODE_ID_TEXT_SIZE], size[SIZE_TEXT_MAX], array[DESCRIBE_MAX], age[DESCRIBE_MAX];
    lode_id_format(info->id, id);
    printf("%s  %-7s %-6s %10s %4llu %4llu %8s  %-20s ", id, describe_state(info->state),
           describe_kind(info->kind), size_format(info->size_bytes, size),
           (unsigned long long)info->references, (unsigned long long)info->pins,
           describe_age(info->age_ns, age), describe_array(info, array));
    listing_print_names(listing, info->id, false);
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
    listing_add_names(listing, info->id, object);
    return object;
}

static void
print_lines(const struct listing *listing, const char *pattern)
{
    for (size_t i = 0; i < listing->count; i++) {
        if (is_shown(listing, &listing->objects[i], pattern)) {
            json_t *object = row_json(listing, &listing->objects[i]);
            json_dumpf(object, stdout, JSON_COMPACT);
            putchar('\n');
            json_decref(object);
        }
    }
}

static void
print_json(const struct listing *listing, const char *pattern)
{
    json_t *all = json_array();
    for (size_t i = 0; i < listing->count; i++) {
        if (is_shown(listing, &listing->objects[i], pattern)) {
            json_array_append_new(all, row_json(listing, &listing->objects[i]));
        }
    }
    document_print(json_pack("{s:s, s:o}", "schema", "storectl.ls/1", "objects", all));
}

static int
list(lode *db, void *arguments)
{
    const struct arguments *a = arguments;
    struct listing listing;
    lode_err err = listing_read(db, true, &listing);
    if (err != LODE_OK) {
        return program_failed(err);
    }
    sort_objects(&listing, a->sort);
    if (a->common.json) {
        print_json(&listing, a->pattern);
    } else if (a->jsonl) {
        print_lines(&listing, a->pattern);
    } else {
        print_table(&listing, a->pattern);
    }
    listing_free(&listing);
    return EXIT_OK;
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
        options_dir_json,
        0,
        0};
    struct arguments a = {.sort = "age"};
    options_parse(&argp, argc, argv, &a);
    return attach_run(a.common.dir, LODE_OPEN_STORE_ONLY, list, &a);
}
