/* options.h: the command line of lode-store. */
#ifndef LODE_STORE_MAIN_OPTIONS_H
#define LODE_STORE_MAIN_OPTIONS_H

#include <lode/error.h>

struct options {
    const char *dir; /* NULL: $LODE_DIR, or the default */
    uint64_t capacity_bytes;
    int lifeline_fd; /* -1: none */
    int ready_fd;    /* -1: none */
    int shm_fd;      /* whoever started us holds LODE_SHM_DIR by it; -1: we do */
    bool is_private;
};

/* Parses; a usage error exits with 2. */
void options_parse(int argc, char **argv, struct options *options_out);

#endif
