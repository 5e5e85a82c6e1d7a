#include "store/main/options.h"

#include "api/base/fail.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_LIFELINE = 256, OPT_READY, OPT_PRIVATE, OPT_FOREGROUND, OPT_SHM };

/* "67108864", "64M", "1.5G" (powers of 1,024). Errors: LODE_EINVAL. */
static lode_err
parse_bytes(const char *text, uint64_t *bytes_out)
{
    static const char units[] = "kmgt";
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    double factor = 1;
    if (end != text && *end != '\0') {
        const char *unit = strchr(units, *end | 0x20);
        for (const char *u = units; unit != NULL && u <= unit; u++) {
            factor *= 1024;
        }
        end += unit != NULL;
        end += unit != NULL && (strcmp(end, "iB") == 0 || strcmp(end, "B") == 0) ? strlen(end) : 0;
    }
    value *= factor;
    if (end == text || *end != '\0' || errno != 0 || !(value >= 0) || value >= 0x1p62) {
        return lode_fail_with(LODE_EINVAL,
                              "'%s' is no number of bytes: write 67108864, 64M or 1.5G", text);
    }
    *bytes_out = (uint64_t)value;
    return LODE_OK;
}

static int
parse_fd(const char *text, struct argp_state *state)
{
    char *end;
    errno = 0;
    long fd = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || fd < 0 || fd > 1 << 20) {
        argp_error(state, "'%s' is no descriptor", text);
    }
    return (int)fd;
}

static error_t
parse_one(int key, char *value, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'd':
        options->dir = value;
        return 0;
    case 'c':
        if (parse_bytes(value, &options->capacity_bytes) != LODE_OK) {
            argp_error(state, "%s", lode_last_error());
        }
        return 0;
    case OPT_LIFELINE:
        options->lifeline_fd = parse_fd(value, state);
        return 0;
    case OPT_READY:
        options->ready_fd = parse_fd(value, state);
        return 0;
    case OPT_SHM:
        options->shm_fd = parse_fd(value, state);
        return 0;
    case OPT_PRIVATE:
        options->is_private = true;
        return 0;
    case OPT_FOREGROUND:
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s': no argument is expected", value);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void
options_parse(int argc, char **argv, struct options *options_out)
{
    /* clang-format off */
    static const struct argp_option list[] = {
        {"dir", 'd', "DIR", 0, "The cluster's directory, for sockets ($LODE_DIR)", 0},
        {"capacity", 'c', "BYTES", 0, "Shared memory for objects: 64M, 1.5G (0, the default: 30 % of "
                                      "the least of memory, cgroup and tmpfs)", 0},
        {"private", OPT_PRIVATE, NULL, 0, "The cluster ends with this daemon: leave no file", 0},
        {"lifeline-fd", OPT_LIFELINE, "FD", 0, "End when this descriptor reaches its end of file", 1},
        {"ready-fd", OPT_READY, "FD", 0, "Write one byte here when clients are served", 1},
        {"shm-fd", OPT_SHM, "FD", 0, "LODE_SHM_DIR is held by this descriptor", 1},
        {"foreground", OPT_FOREGROUND, NULL, 0, "Stay in the foreground: always so", 1},
        {NULL, 0, NULL, 0, NULL, 0},
    };
    /* clang-format on */
    static const struct argp parser = {
        list,
        parse_one,
        NULL,
        "Keeps objects in shared memory for the programs of one user, and serves them until "
        "SIGTERM.",
        NULL,
        NULL,
        NULL};
    *options_out = (struct options){.lifeline_fd = -1, .ready_fd = -1, .shm_fd = -1};
    argp_err_exit_status = 2;
    argp_parse(&parser, argc, argv, 0, NULL, options_out);
}
