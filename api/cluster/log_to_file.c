#include "api/cluster/log_to_file.h"

#include "api/base/fail.h"
#include "api/base/log.h"
#include "api/cluster/log_file.h"

#include <limits.h>
#include <stdio.h>

static char log_dir[LODE_PATH_MAX], log_name[NAME_MAX + 1];

/* Whoever logs may still need the sentence of the error that it logs. */
static bool
take_line(const char *line, size_t size)
{
    char sentence[LODE_FAIL_MAX];
    snprintf(sentence, sizeof sentence, "%s", lode_last_error());
    bool taken = lode_log_file_append(log_dir, log_name, line, size) == LODE_OK;
    if (!taken) {
        (void)lode_fail_with(LODE_ESYS, "%s", sentence);
    }
    return taken;
}

void
lode_log_to_file(const char *dir, const char *name)
{
    snprintf(log_dir, sizeof log_dir, "%s", dir);
    snprintf(log_name, sizeof log_name, "%s", name);
    lode_log_divert(take_line);
}
