#include "tools/clusters/report.h"

#include "api/client/tasks/functions.h"

#include <stdlib.h>
#include <string.h>

enum { CHILDREN_MAX = 4200 };

static void
note_process(struct report_part *part, const struct process *process)
{
    part->pid = process->stat.pid;
    part->uptime_ns = process_age_ns(process);
    part->private_bytes = process->private_bytes;
    part->shared_bytes = process->shared_bytes;
}

/* Notes which processes are there, by /proc, whether they answer or not. */
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
        enum process_role role = process_role(&children[i]);
        if (role == ROLE_STORE) {
            note_process(&report->store, &children[i]);
        } else if (role == ROLE_SCHEDULER) {
            note_process(&report->scheduler, &children[i]);
        } else if (role == ROLE_WORKER) {
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

/* ---- what the daemons say -------------------------------------------------------------------- */

/* True if this process could not ask: that says nothing of the daemon. */
static bool
is_own_trouble(lode_err err)
{
    return err == LODE_ESYS || err == LODE_ENOMEM || err == LODE_ELIMIT || err == LODE_EDENIED;
}

/* What has ended comes back, unless nobody is there to start it, or the cluster is private. */
static void
note_down(const struct report *report, struct report_part *part, const char *why)
{
    const struct cluster *cluster = &report->cluster;
    if (part->pid == 0 && cluster->supervisor != 0) {
        why = cluster->is_private ? "it has ended" : "it has ended; the supervisor starts it again";
    }
    snprintf(part->why, sizeof part->why, "%.255s", why);
}

static void
ask_scheduler(struct report *report, lode *db)
{
    char *text = NULL;
    lode_err err = lode_tasks_status(db, &report->scheduler_stats, &text);
    if (err != LODE_OK) {
        report->scheduler.unasked = report->scheduler.pid != 0 && is_own_trouble(err);
        note_down(report, &report->scheduler, lode_last_error());
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

/* Asks without waiting for a store that has ended, as lode_open() would: that is an answer, too. */
static void
ask(struct report *report)
{
    lode_open_options open = {.struct_size = sizeof open, .flags = LODE_OPEN_ATTACH};
    lode *db = NULL;
    if (report->cluster.supervisor != 0 && report->store.pid == 0) {
        note_down(report, &report->store, "");
        note_down(report, &report->scheduler, "without the store it cannot be asked");
        return;
    }
    lode_err err = lode_open(report->cluster.dir, &open, &db);
    if (err == LODE_OK) {
        err = lode_get_store_stats(db, &report->store_stats);
    }
    if (err != LODE_OK) {
        report->store.unasked = report->store.pid != 0 && is_own_trouble(err);
        report->scheduler.unasked = report->scheduler.pid != 0;
        note_down(report, &report->store, lode_last_error());
        note_down(report, &report->scheduler, "without the store it cannot be asked");
    } else {
        report->store.up = true;
        note_pid(&report->store, report->store_stats.store_pid);
        ask_scheduler(report, db);
    }
    lode_close(db);
}

/* A daemon that hangs is a fact that is told: each call ends in 5 s, and says so. */
void
report_gather(const struct cluster *cluster, struct report *report_out)
{
    memset(report_out, 0, sizeof *report_out);
    report_out->cluster = *cluster;
    look_at_processes(report_out);
    ask(report_out);
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
