#include "tools/lode/report.h"

#include "api/client/task_client.h"

#include <stdlib.h>
#include <string.h>

enum { CHILDREN_MAX = 4200 };

static void
note_process(struct report_part *part, const struct process *process)
{
    part->pid = process->pid;
    part->private_bytes = process->private_bytes;
    part->shared_bytes = process->shared_bytes;
}

/* What /proc says is there, whether it answers or not. */
static void
look_at_processes(struct report *report)
{
    static struct process children[CHILDREN_MAX];
    struct process supervisor;
    pid_t pid = report->cluster.supervisor;
    if (pid == 0 || !process_read(pid, &supervisor)) {
        return;
    }
    process_read_memory(&supervisor);
    note_process(&report->supervisor, &supervisor);
    report->supervisor.up = true;
    size_t count = processes_of(pid, children, CHILDREN_MAX);
    for (size_t i = 0; i < count && i < CHILDREN_MAX; i++) {
        if (strcmp(children[i].name, "lode-store") == 0) {
            note_process(&report->store, &children[i]);
        } else if (strcmp(children[i].name, "lode-scheduler") == 0) {
            note_process(&report->scheduler, &children[i]);
        } else if (strcmp(children[i].name, "lode-worker") == 0) {
            report->workers++;
            report->workers_bytes += children[i].private_bytes;
        }
    }
}

static void
note_pid(struct report_part *part, int64_t pid)
{
    struct process process;
    if (part->pid == 0 && pid > 0 && process_read((pid_t)pid, &process)) {
        process_read_memory(&process);
        note_process(part, &process);
    }
}

static void
note_down(struct report_part *part)
{
    snprintf(part->why, sizeof part->why, "%.255s", lode_last_error());
}

static void
ask_scheduler(struct report *report, lode *db)
{
    char *text = NULL;
    if (lode_tasks_status(db, &report->scheduler_stats, &text) != LODE_OK) {
        note_down(&report->scheduler);
        return;
    }
    report->scheduler.up = true;
    note_pid(&report->scheduler, report->scheduler_stats.scheduler_pid);
    json_t *details = text != NULL ? json_loads(text, 0, NULL) : NULL;
    if (json_is_object(details)) {
        report->details = details;
    } else {
        json_decref(details);
    }
    free(text);
}

void
report_gather(const struct cluster *cluster, struct report *report_out)
{
    lode_open_options open = {.struct_size = sizeof open, .flags = LODE_OPEN_ATTACH};
    lode *db = NULL;
    memset(report_out, 0, sizeof *report_out);
    report_out->cluster = *cluster;
    look_at_processes(report_out);
    if (lode_open(cluster->dir, &open, &db) != LODE_OK ||
        lode_get_store_stats(db, &report_out->store_stats) != LODE_OK) {
        note_down(&report_out->store);
        note_down(&report_out->scheduler);
        lode_close(db);
        return;
    }
    report_out->store.up = true;
    note_pid(&report_out->store, report_out->store_stats.store_pid);
    ask_scheduler(report_out, db);
    lode_close(db);
}

void
report_fini(struct report *report)
{
    json_decref(report->details);
    report->details = NULL;
}

bool
report_is_healthy(const struct report *report)
{
    bool alone = report->cluster.supervisor == 0;
    return report->store.up && (alone || (report->supervisor.up && report->scheduler.up));
}
