#include "scheduler/pool/spill.h"

#include "api/base/log.h"
#include "api/cluster/files.h"
#include "api/cluster/log_file.h"

#include <inttypes.h>
#include <stdio.h>

bool
spill_write(const char *logs, const struct core_action *action, uint64_t missing)
{
    const struct lode_task_output *output = core_action_bytes(action);
    const char *name = (const char *)(output + 1), *text = name + output->name_size;
    char who[LODE_TASK_NAME_MAX + 128];
    int used = snprintf(who, sizeof who, "%.*s pid=%lld", (int)output->name_size, name,
                        (long long)output->pid);
    if (missing > 0) {
        snprintf(who + used, sizeof who - (size_t)used, ", after %" PRIu64 " lines that are lost",
                 missing);
    }
    if (lode_log_file_entry(logs, LODE_FILE_OUTPUT_LOG, who, text, output->text_size) == LODE_OK) {
        return true;
    }
    lode_log("OUTPUT-LOST", "%s", lode_last_error());
    return false;
}
