#include "worker/libraries/library.h"

#include "api/base/fail.h"
#include "api/wire/task_msg.h"

#include <dlfcn.h>
#include <libgen.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FUNCTIONS_MAX = 4096, SIGNATURE_MAX = 512, PATH_ROOM = 4096 };

struct library {
    char *path;
    const lode_library *table;
    struct library *next;
};

/* The main thread's. */
static struct library *open_libraries;
static uint32_t open_count;
static struct {
    uint64_t program; /* the last one */
    bool many;        /* they were opened for several, or nobody knows */
} opened_for;

/* ---- liblode for the libraries ------------------------------------------------------------- */

/*
 * Task libraries want liblode.so.0. This program exports all of it, and the loader takes what the
 * program has first. But the loader still wants to see a file of that name, and liblode may not be
 * installed where the loader looks. So its own file is opened here.
 */
static void
show_liblode(void)
{
    static const char *const place[] = {"../lib", "../" LODE_INSTALL_LIBDIR};
    static bool shown;
    char self[PATH_ROOM], path[PATH_ROOM + 64];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (shown || length <= 0) {
        return;
    }
    self[length] = '\0';
    const char *folder = dirname(self);
    for (size_t i = 0; i < sizeof place / sizeof place[0] && !shown; i++) {
        snprintf(path, sizeof path, "%s/%s/liblode.so.0", folder, place[i]);
        shown = dlopen(path, RTLD_LAZY | RTLD_LOCAL) != NULL;
    }
    shown = true; /* if it is nowhere, the library's own search path has to do */
}

/* ---- the table ----------------------------------------------------------------------------- */

static const lode_function *
function_at(const lode_library *table, uint32_t i)
{
    return (const lode_function *)(const void *)((const char *)table->functions +
                                                 (size_t)i * table->function_size);
}

static bool
name_is_fine(const char *name)
{
    return name != NULL && name[0] != '\0' && strchr(name, '.') == NULL &&
           strnlen(name, LODE_TASK_NAME_MAX) < LODE_TASK_NAME_MAX;
}

static lode_err
check_function(const char *path, const lode_function *function)
{
    if (!name_is_fine(function->name) || function->call == NULL) {
        return lode_fail_with(LODE_ELIBRARY,
                              "%s: function '%.40s' has no code, or a name that is "
                              "empty, has a dot or is too long",
                              path, function->name);
    }
    if (function->results < 0 || function->results > LODE_TASK_RESULTS_MAX) {
        return lode_fail_with(LODE_ELIBRARY, "%s: %s has %d results; 0 to %d are possible", path,
                              function->name, function->results, LODE_TASK_RESULTS_MAX);
    }
    if (function->signature != NULL &&
        strnlen(function->signature, SIGNATURE_MAX) == SIGNATURE_MAX) {
        return lode_fail_with(LODE_ELIBRARY, "%s: the signature of %s is longer than %d bytes",
                              path, function->name, SIGNATURE_MAX);
    }
    return LODE_OK;
}

static lode_err
check_functions(const char *path, const lode_library *table)
{
    for (uint32_t i = 0; table->functions != NULL && function_at(table, i)->name != NULL; i++) {
        if (i == FUNCTIONS_MAX) {
            return lode_fail_with(LODE_ELIBRARY,
                                  "%s: more than %d functions: does the table end with {0}?", path,
                                  FUNCTIONS_MAX);
        }
        LODE_TRY(check_function(path, function_at(table, i)));
    }
    return LODE_OK;
}

/* A later minor version may have longer structs. They begin with what this version knows. */
static lode_err
check_table(const char *path, const lode_library *table)
{
    if (table->abi_major != LODE_LIBRARY_MAJOR) {
        return lode_fail_with(LODE_EVERSION,
                              "%s: its table is of version %u.%u, this lode takes "
                              "%d.x: compile it with this lode's headers",
                              path, table->abi_major, table->abi_minor, LODE_LIBRARY_MAJOR);
    }
    if (table->library_size < sizeof(lode_library) ||
        table->function_size < sizeof(lode_function) || table->class_size < sizeof(lode_class) ||
        table->method_size < sizeof(lode_method) ||
        table->function_size % _Alignof(lode_function) != 0) {
        return lode_fail_with(LODE_ELIBRARY, "%s: its table is damaged: structs of %u and %u bytes",
                              path, table->library_size, table->function_size);
    }
    if (!name_is_fine(table->name)) {
        return lode_fail_with(LODE_ELIBRARY,
                              "%s: the library's name is empty, has a dot or is too long", path);
    }
    return check_functions(path, table);
}

/* ---- what they bring along ------------------------------------------------------------------ */

/* The system's own are the same for everybody. */
static int
count_other(struct dl_phdr_info *info, size_t size, void *arg)
{
    static const char *const system[] = {"/lib", "/usr/lib"};
    uint32_t *count = arg;
    bool is_other = info->dlpi_name[0] == '/';
    (void)size;
    for (size_t i = 0; i < sizeof system / sizeof system[0]; i++) {
        is_other = is_other && strncmp(info->dlpi_name, system[i], strlen(system[i])) != 0;
    }
    *count += is_other;
    return 0;
}

/* Libraries in this process that are not the system's, nor what lode has brought itself. */
static uint32_t
count_others(void)
{
    static bool known;
    static uint32_t ours;
    uint32_t count = 0;
    show_liblode();
    dl_iterate_phdr(count_other, &count);
    if (!known) {
        ours = count;
        known = true;
    }
    return count - ours;
}

static struct library *
find(const char *path)
{
    struct library *library = open_libraries;
    while (library != NULL && strcmp(library->path, path) != 0) {
        library = library->next;
    }
    return library;
}

bool
library_may_open(const char *path, uint64_t program)
{
    bool is_first = open_libraries == NULL, is_same = program == opened_for.program;
    if (find(path) != NULL) {
        return true;
    }
    if (count_others() > open_count && (opened_for.many || !is_same)) {
        return false;
    }
    opened_for.many = opened_for.many || program == 0 || (!is_first && !is_same);
    opened_for.program = program;
    return true;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* On failure the library is not closed: threads that its constructors started may run its code. */
static lode_err
load_table(const char *path, const lode_library **table_out)
{
    show_liblode();
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        return lode_fail_with(LODE_ELIBRARY, "cannot open the task library: %s", dlerror());
    }
    const lode_library *table = dlsym(handle, "lode_library_v1");
    if (table == NULL) {
        return lode_fail_with(LODE_ELIBRARY,
                              "%s: it exports no table: LODE_LIBRARY(\"name\", …) makes one", path);
    }
    LODE_TRY(check_table(path, table));
    *table_out = table;
    return LODE_OK;
}

lode_err
library_open(const char *path, const struct library **library_out)
{
    struct library *library = find(path);
    if (library == NULL) {
        const lode_library *table = NULL;
        LODE_TRY(load_table(path, &table));
        library = malloc(sizeof *library);
        char *copy = strdup(path);
        if (library == NULL || copy == NULL) {
            free(library);
            free(copy);
            return lode_fail_with(LODE_ENOMEM, "no room for a task library");
        }
        *library = (struct library){copy, table, open_libraries};
        open_libraries = library;
        open_count++;
    }
    *library_out = library;
    return LODE_OK;
}

lode_err
library_function(const struct library *library, const char *name,
                 const lode_function **function_out)
{
    const lode_library *table = library->table;
    for (uint32_t i = 0; table->functions != NULL && function_at(table, i)->name != NULL; i++) {
        if (strcmp(function_at(table, i)->name, name) == 0) {
            *function_out = function_at(table, i);
            return LODE_OK;
        }
    }
    return lode_fail_with(LODE_ELIBRARY, "the library %s (%s) has no function '%.127s'",
                          table->name, library->path, name);
}

/* ---- describing ---------------------------------------------------------------------------- */

static const char *
signature_of(const lode_function *function)
{
    return function->signature != NULL ? function->signature : "";
}

lode_err
library_describe(const struct library *library, void **bytes_out, size_t *size_out)
{
    const lode_library *table = library->table;
    size_t size = strlen(table->name) + 1;
    for (uint32_t i = 0; table->functions != NULL && function_at(table, i)->name != NULL; i++) {
        const lode_function *function = function_at(table, i);
        size += strlen(function->name) + strlen(signature_of(function)) + 2 + sizeof(uint32_t);
    }
    char *bytes = malloc(size);
    if (bytes == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no room to describe a task library");
    }
    char *at = stpcpy(bytes, table->name) + 1;
    for (uint32_t i = 0; table->functions != NULL && function_at(table, i)->name != NULL; i++) {
        const lode_function *function = function_at(table, i);
        uint32_t results = (uint32_t)function->results;
        at = stpcpy(at, function->name) + 1;
        at = stpcpy(at, signature_of(function)) + 1;
        memcpy(at, &results, sizeof results);
        at += sizeof results;
    }
    *bytes_out = bytes;
    *size_out = size;
    return LODE_OK;
}
