#include "tools/cli/attach.h"

#include "tools/cli/program.h"

int
attach_run(const char *dir, uint32_t flags, attach_fn work, void *arguments)
{
    lode *db;
    lode_open_options open = {.struct_size = sizeof open, .flags = LODE_OPEN_ATTACH | flags};
    lode_err err = lode_open(dir, &open, &db);
    if (err != LODE_OK) {
        return program_failed(err);
    }
    int exit_code = work(db, arguments);
    lode_close(db);
    return exit_code;
}
