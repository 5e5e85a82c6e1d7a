/* get.c: `storectl get NAME|ID [-o FILE]`: an object's bytes, arrays as .npy. */
#include "tools/cli/options.h"
#include "tools/npy/npy.h"
#include "tools/storectl/storectl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 4096 };

struct arguments {
    struct storectl_common common;
    const char *word;
    const char *output; /* NULL, "-": stdout */
    int64_t timeout_ms;
    bool raw;
};

static const struct argp_option options[] = {
    {"output", 'o', "FILE", 0, "write here ('-', the default: stdout)", 0},
    {"raw", 'r', 0, 0, "an array, too, as the bytes that it has in memory", 0},
    {"timeout", 't', "SECONDS", 0, "wait so long for the object (default 0)", 0},
    {0},
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        return 0;
    case 'o':
        a->output = arg;
        return 0;
    case 'r':
        a->raw = true;
        return 0;
    case 't':
        if (options_seconds(arg, &a->timeout_ms) != LODE_OK) {
            argp_error(state, "--timeout: %s", lode_last_error());
        }
        return 0;
    case ARGP_KEY_ARG:
        if (a->word != NULL) {
            argp_error(state, "one object, not two: '%s' and '%s'", a->word, arg);
        }
        a->word = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which object? Give its name or id");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static lode_err
write_view(int fd, const lode_view *view, bool raw)
{
    if (view->kind == LODE_KIND_ARRAY && !raw) {
        return npy_write(fd, &view->array, view->data);
    }
    return npy_write_all(fd, view->data, view->size);
}

static int
write_stdout(const lode_view *view, bool raw)
{
    if (isatty(STDOUT_FILENO)) {
        return storectl_error("get", EXIT_USAGE,
                              "stdout is a terminal, and these are %zu bytes for programs: use -o "
                              "FILE, or a pipe",
                              view->size);
    }
    lode_err err = write_view(STDOUT_FILENO, view, raw);
    return err == LODE_OK ? EXIT_OK : storectl_failed("get", err);
}

/* A pipe or a device: nothing to replace. */
static int
write_special(const char *path, const lode_view *view, bool raw)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return storectl_error("get", EXIT_FAILED, "cannot write to '%s': %s", path,
                              strerror(errno));
    }
    lode_err err = write_view(fd, view, raw);
    close(fd);
    return err == LODE_OK ? EXIT_OK : storectl_failed("get", err);
}

/* "dir/.name.PID", beside the file: rename() needs the same file system. */
static bool
temporary_path(const char *path, char out[PATH_ROOM])
{
    const char *slash = strrchr(path, '/');
    int dir = slash != NULL ? (int)(slash + 1 - path) : 0;
    int n = snprintf(out, PATH_ROOM, "%.*s.%s.%d", dir, path, path + dir, (int)getpid());
    return n > 0 && n < PATH_ROOM;
}

/* Whole or not at all: a new file is written beside the old one and takes its place at the end. */
static int
write_file(const char *path, const lode_view *view, bool raw)
{
    static char temporary[PATH_ROOM];
    if (!temporary_path(path, temporary)) {
        return storectl_error("get", EXIT_USAGE, "the path '%.60s…' is too long", path);
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return storectl_error("get", EXIT_FAILED, "cannot write to '%s': %s", path,
                              strerror(errno));
    }
    storectl_temporary(temporary);
    int code = EXIT_OK;
    lode_err err = write_view(fd, view, raw);
    if (err != LODE_OK) {
        code = storectl_failed("get", err);
    }
    if ((close(fd) != 0 || (code == EXIT_OK && rename(temporary, path) != 0)) && code == EXIT_OK) {
        code = storectl_error("get", EXIT_FAILED, "cannot write '%s': %s", path, strerror(errno));
    }
    if (code != EXIT_OK) {
        unlink(temporary);
    }
    storectl_temporary(NULL);
    return code;
}

static int
write_output(const struct arguments *a, const lode_view *view)
{
    struct stat st;
    if (a->output == NULL || strcmp(a->output, "-") == 0) {
        return write_stdout(view, a->raw);
    }
    if (stat(a->output, &st) == 0 && !S_ISREG(st.st_mode)) {
        return write_special(a->output, view, a->raw);
    }
    return write_file(a->output, view, a->raw);
}

static lode_err
get_view(lode *db, const struct storectl_word *word, int64_t timeout_ms, lode_view *view_out)
{
    if (word->is_id) {
        return lode_get(db, word->id, timeout_ms, view_out);
    }
    return lode_name_get(db, storectl_space(word), word->name, timeout_ms, view_out);
}

static int
get(lode *db, const struct arguments *a, const struct storectl_word *word)
{
    lode_view view;
    lode_err err = get_view(db, word, a->timeout_ms, &view);
    /* Without time to wait, what is not there yet and what never was look alike. */
    bool missing = err == LODE_ENOTFOUND || (err == LODE_ETIMEDOUT && a->timeout_ms == 0);
    if (missing) {
        return storectl_not_found("get", db, a->word);
    }
    if (err != LODE_OK) {
        return storectl_failed("get", err);
    }
    int code = write_output(a, &view);
    lode_release(&view);
    return code;
}

int
storectl_get(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse_option,
        "NAME|ID",
        "Writes an object's bytes; an array as a .npy file, unless --raw is given.",
        storectl_children,
        0,
        0};
    struct arguments a = {0};
    struct storectl_word word;
    lode *db;
    options_parse(&argp, argc, argv, &a);
    lode_err err = storectl_parse_word(a.word, &word);
    if (err != LODE_OK) {
        storectl_failed("get", err);
        return EXIT_USAGE;
    }
    storectl_catch_interrupts();
    err = storectl_open(&a.common, &db);
    if (err != LODE_OK) {
        return storectl_failed("get", err);
    }
    int code = get(db, &a, &word);
    lode_close(db);
    return code;
}
