#include "tools/clusters/report_print.h"

#include "tools/cli/describe.h"
#include "tools/cli/size.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static const char rule[] = "---------------------------------------------------------------\n";

static double
cpus(uint64_t units)
{
    return (double)units / 10000;
}

static void
print_head(const struct report *r, FILE *out)
{
    char now[32], up[DESCRIBE_MAX];
    time_t seconds = time(NULL);
    struct tm local;
    struct process owner;
    strftime(now, sizeof now, "%F %T", localtime_r(&seconds, &local));
    fprintf(out, "======== lode status: %s ========\nCluster: %s", now, r->cluster.dir);
    if (r->cluster.is_private) {
        bool known = process_read(r->cluster.owner.pid, &owner);
        fprintf(out, " (private, of %s, pid %d)",
                known ? owner.stat.name : "a program that has ended", (int)r->cluster.owner.pid);
    }
    if (r->store.up) {
        fprintf(out, ", up %s", describe_age(r->store_stats.uptime_ns, up));
    }
    fputc('\n', out);
}

static void
print_part(const char *name, const struct report_part *part, FILE *out)
{
    char size[SIZE_TEXT_MAX], up[DESCRIBE_MAX];
    if (part->pid != 0) {
        const char *state = part->up ? "healthy" : part->unasked ? "not asked" : "SILENT";
        fprintf(out, " %-9s %-10s pid %-8d %-9s up %s", state, name, (int)part->pid,
                size_format(part->private_bytes, size), describe_age(part->uptime_ns, up));
    } else {
        fprintf(out, " %-9s %-10s", "DOWN", name);
    }
    if (!part->up && part->why[0] != '\0') {
        fprintf(out, "%s%s", part->pid != 0 ? ": " : " ", part->why);
    }
    fputc('\n', out);
}

static void
print_health(const struct report *r, FILE *out)
{
    char size[SIZE_TEXT_MAX];
    fprintf(out, "\nHealth\n%s", rule);
    if (r->cluster.supervisor == 0) {
        fputs(" The store runs alone, without supervisor and scheduler.\n", out);
    } else {
        print_part("supervisor", &r->supervisor, out);
    }
    print_part("store", &r->store, out);
    if (r->cluster.supervisor != 0) {
        print_part("scheduler", &r->scheduler, out);
        /* A process is looked for before the scheduler is asked, and may not be there yet. */
        size_t known = json_array_size(json_object_get(r->details, "workers"));
        fprintf(out, " %-9s %zu worker%s, %s together", "", r->workers, r->workers == 1 ? "" : "s",
                size_format(r->workers_bytes, size));
        if (known > r->workers) {
            fprintf(out, "; %zu more on the way up or down", known - r->workers);
        }
        fputc('\n', out);
    }
}

static void
print_resources(const struct report *r, FILE *out)
{
    if (!r->scheduler.up && !r->store.up) {
        return;
    }
    char used[SIZE_TEXT_MAX], capacity[SIZE_TEXT_MAX], largest[SIZE_TEXT_MAX];
    fprintf(out, "\nResources\n%s", rule);
    fputs("Usage:\n", out);
    if (r->scheduler.up) {
        fprintf(out, " %g/%g CPU\n", cpus(r->scheduler_stats.cpus_used),
                cpus(r->scheduler_stats.cpus_total));
    }
    if (r->store.up) {
        const lode_store_stats *s = &r->store_stats;
        fprintf(out, " %s/%s object store memory (largest free extent %s)\n",
                size_format(s->used_bytes, used), size_format(s->capacity_bytes, capacity),
                size_format(s->largest_free_bytes, largest));
        fprintf(out,
                "Objects:\n %" PRIu64 " objects (%" PRIu64 " being written), %" PRIu64
                " names, %" PRIu64 " sessions\n",
                s->objects, s->unsealed_objects, s->names, s->sessions);
    }
}

static const char *
text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "?";
}

static json_int_t
number_of(json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void
print_demand(json_t *demand, FILE *out)
{
    fputc(' ', out);
    describe_text(text_of(demand, "function"), out);
    fprintf(out,
            " (%g CPU): %" JSON_INTEGER_FORMAT " waiting for arguments, %" JSON_INTEGER_FORMAT
            " ready, %" JSON_INTEGER_FORMAT " running\n",
            cpus((uint64_t)number_of(demand, "cpus")), number_of(demand, "waiting"),
            number_of(demand, "ready"), number_of(demand, "running"));
}

/* Whose task it is, of a worker or a failure; and in which process it ran, unless `pid` is 0. */
static void
print_program(json_t *of, json_int_t pid, FILE *out)
{
    json_int_t program = number_of(of, "program"), depth = number_of(of, "depth");
    const char *before = " (";
    if (pid != 0) {
        fprintf(out, "%spid %" JSON_INTEGER_FORMAT, before, pid);
        before = ", ";
    }
    if (program != 0) {
        fprintf(out, "%sprogram %" JSON_INTEGER_FORMAT, before, program);
        before = ", ";
    }
    if (program != 0 && depth > 0) {
        fprintf(out, "%sdepth %" JSON_INTEGER_FORMAT, before, depth);
    }
    fputs(before[0] == ',' ? ")" : "", out);
}

static void
print_worker(json_t *worker, FILE *out)
{
    const char *function = json_string_value(json_object_get(worker, "function"));
    json_int_t finished = number_of(worker, "finished");
    fprintf(out, " pid %-8" JSON_INTEGER_FORMAT " %-9s %" JSON_INTEGER_FORMAT " task%s done",
            number_of(worker, "pid"), text_of(worker, "state"), finished, finished == 1 ? "" : "s");
    if (function != NULL && function[0] != '\0') {
        fputs(", in ", out);
        describe_text(function, out);
        print_program(worker, 0, out);
    }
    const char *library = json_string_value(json_object_get(worker, "library"));
    if (library != NULL) {
        fputs(", opens ", out);
        describe_text(library, out);
    }
    fputc('\n', out);
}

/* "lib.f: argument 1 is …", "lib.f returned …": the name stands before it already. */
static const char *
without_name(const char *message, const char *function)
{
    size_t length = strlen(function);
    const char *rest = message + length;
    if (strncmp(message, function, length) != 0) {
        return message;
    }
    return strncmp(rest, ": ", 2) == 0 ? rest + 2 : rest[0] == ' ' ? rest + 1 : message;
}

static void
print_failure(json_t *failure, FILE *out)
{
    char age[DESCRIBE_MAX], when[32];
    json_int_t age_ns = number_of(failure, "age_ns"), pid = number_of(failure, "pid");
    json_int_t tasks = number_of(failure, "tasks");
    const char *message = text_of(failure, "message");
    time_t seconds = time(NULL) - (time_t)(age_ns / 1000000000);
    struct tm local;
    strftime(when, sizeof when, "%T", localtime_r(&seconds, &local));
    fprintf(out, " %s, %s ago: ", when, describe_age((uint64_t)age_ns, age));
    describe_text(text_of(failure, "function"), out);
    fprintf(out, ": %s: ", text_of(failure, "code"));
    describe_text(without_name(message, text_of(failure, "function")), out);
    /* The sentence of a death has the pid already. */
    print_program(failure, strstr(message, "(pid ") == NULL ? pid : 0, out);
    if (tasks > 1) {
        fprintf(out, ", %" JSON_INTEGER_FORMAT " tasks of it", tasks);
    }
    fputc('\n', out);
}

/* Nothing is said where none is lost. */
static void
print_lost(const struct report *r, FILE *out)
{
    size_t i;
    json_t *item, *list = json_object_get(r->details, "lost_libraries");
    if (json_array_size(list) > 0) {
        fprintf(out, "\nLost libraries (`lode load` offers them again)\n%s", rule);
    }
    json_array_foreach(list, i, item)
    {
        fputc(' ', out);
        describe_text(text_of(item, "name"), out);
        fputs(": ", out);
        describe_text(text_of(item, "message"), out);
        fputc('\n', out);
    }
}

static void
print_list(const struct report *r, const char *title, const char *key, const char *none,
           void (*print)(json_t *item, FILE *out), FILE *out)
{
    size_t i;
    json_t *item, *list = json_object_get(r->details, key);
    fprintf(out, "\n%s\n%s", title, rule);
    if (json_array_size(list) == 0) {
        fprintf(out, " (%s)\n", none);
    }
    json_array_foreach(list, i, item)
    {
        print(item, out);
    }
}

void
report_print(const struct report *r, FILE *out)
{
    print_head(r, out);
    print_health(r, out);
    print_resources(r, out);
    if (!r->scheduler.up) {
        return;
    }
    const lode_scheduler_stats *s = &r->scheduler_stats;
    print_list(r, "Demands", "demands", "no pending tasks", print_demand, out);
    print_list(r, "Workers", "workers", "none", print_worker, out);
    size_t shown = json_array_size(json_object_get(r->details, "workers"));
    if (shown < r->workers) {
        fprintf(out, " … `lode workers` shows all %zu\n", r->workers);
    }
    print_lost(r, out);
    print_list(r, "Recent failures", "failures", "none", print_failure, out);
    fprintf(out,
            "\nTasks: %" PRIu64 " submitted, %" PRIu64 " ended (%" PRIu64 " well, %" PRIu64
            " failed, %" PRIu64 " cancelled), %" PRIu64 " retried; %" PRIu64 " of %" PRIu64
            " workers died\n",
            s->submitted, s->finished, s->finished - s->failed - s->cancelled, s->failed,
            s->cancelled, s->retried, s->workers_died, s->workers_started);
}
