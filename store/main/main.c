#include "store/main/daemon.h"

#include "api/system/descriptor.h"
#include "api/base/log.h"
#include "api/wire/private_start.h"

#include <stdio.h>

int
main(int argc, char **argv)
{
    struct options options;
    lode_descriptor_fill_stdio();
    lode_log_init("lode-store");
    options_parse(argc, argv, &options);
    lode_err err = daemon_run(&options);
    if (err != LODE_OK) {
        fprintf(stderr, "lode-store: %s\n", lode_last_error());
        return err == LODE_EFULL ? LODE_EXIT_FULL : 1;
    }
    return 0;
}
