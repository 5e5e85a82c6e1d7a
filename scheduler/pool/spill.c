#include "scheduler/pool/spill.h"

#include "api/base/log.h"
#include "api/cluster/files.h"
#include "api/cluster/log_file.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { HEAD_BYTES = LODE_TASK_NAME_MAX + 128, BYTES = 4 * LODE_OUTPUT_LINE_MAX };

/*
 * "2026-11-27 10:11:12 (name pid=N) 17 bytes:\n": the lines that follow are as the task wrote
 * them.
 */
static size_t
write_head(char *head, const struct lode_task_output *output, const char *name)
{
    struct tm local;
    time_t now = time(NULL);
    localtime_r(&now, &local);
    size_t used = strftime(head, HEAD_BYTES, "%F %T ", &local);
    int said = snprintf(head + used, HEAD_BYTES - used, "(%.*s pid=%lld) %u bytes:\n",
                        (int)output->name_size, name, (long long)output->pid, output->text_size);
    return used + (said > 0 ? (size_t)said : 0);
}

void
spill_write(const char *logs, const struct core_action *action)
{
    const struct lode_task_output *output = core_action_bytes(action);
    const char *name = (const char *)(output + 1), *text = name + output->name_size;
    static char bytes[HEAD_BYTES + BYTES + 1];
    size_t size = output->text_size < BYTES ? output->text_size : BYTES;
    size_t used = write_head(bytes, output, name);
    memcpy(bytes + used, text, size);
    used += size;
    if (size > 0 && bytes[used - 1] != '\n') {
        bytes[used++] = '\n';
    }
    if (lode_log_file_append(logs, LODE_FILE_OUTPUT_LOG, bytes, used) != LODE_OK) {
        lode_log("OUTPUT-LOST", "%s", lode_last_error());
    }
}
