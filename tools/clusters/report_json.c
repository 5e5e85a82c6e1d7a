#include "tools/clusters/report_json.h"

#include "tools/cli/document.h"

static json_t *
part_json(const struct report_part *part)
{
    json_t *o =
        json_pack("{s:b, s:I, s:I, s:I, s:I}", "up", part->up, "pid", (json_int_t)part->pid,
                  "uptime_ns", (json_int_t)part->uptime_ns, "private_bytes",
                  (json_int_t)part->private_bytes, "shared_bytes", (json_int_t)part->shared_bytes);
    if (!part->up) {
        json_object_set_new(o, "why", document_text(part->why));
        json_object_set_new(o, "asked", json_boolean(!part->unasked));
    }
    return o;
}

static void
put(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *
store_json(const lode_store_stats *s)
{
    json_t *o = json_object();
    put(o, "capacity_bytes", s->capacity_bytes);
    put(o, "used_bytes", s->used_bytes);
    put(o, "free_bytes", s->free_bytes);
    put(o, "committed_bytes", s->committed_bytes);
    put(o, "largest_free_bytes", s->largest_free_bytes);
    put(o, "unsealed_bytes", s->unsealed_bytes);
    put(o, "objects", s->objects);
    put(o, "unsealed_objects", s->unsealed_objects);
    put(o, "names", s->names);
    put(o, "sessions", s->sessions);
    put(o, "created", s->created);
    put(o, "sealed", s->sealed);
    put(o, "aborted", s->aborted);
    put(o, "freed", s->freed);
    put(o, "longest_turn_ns", s->longest_turn_ns);
    put(o, "uptime_ns", s->uptime_ns);
    json_object_set_new(o, "generation", document_u64(s->generation));
    return o;
}

static json_t *
tasks_json(const lode_scheduler_stats *s)
{
    json_t *o = json_object();
    put(o, "waiting", s->tasks_waiting);
    put(o, "ready", s->tasks_ready);
    put(o, "running", s->tasks_running);
    put(o, "submitted", s->submitted);
    put(o, "finished", s->finished);
    put(o, "failed", s->failed);
    put(o, "cancelled", s->cancelled);
    put(o, "retried", s->retried);
    put(o, "workers", s->workers);
    put(o, "workers_idle", s->workers_idle);
    put(o, "workers_started", s->workers_started);
    put(o, "workers_died", s->workers_died);
    put(o, "longest_turn_ns", s->longest_turn_ns);
    put(o, "uptime_ns", s->uptime_ns);
    return o;
}

static void
add_details(json_t *document, json_t *details)
{
    static const char *const keys[] = {"demands", "failures", "libraries", "lost_libraries"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_t *list = json_object_get(details, keys[i]);
        if (list != NULL) {
            json_object_set(document, keys[i], list);
        }
    }
    json_t *workers = json_object_get(details, "workers");
    if (workers != NULL) {
        json_object_set(document, "worker_list", workers);
    }
}

json_t *
report_json(const struct report *r)
{
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_string("lode.status/2"));
    json_object_set_new(o, "dir", document_text(r->cluster.dir));
    json_object_set_new(o, "private", json_boolean(r->cluster.is_private));
    put(o, "owner_pid", (uint64_t)r->cluster.owner.pid);
    json_object_set_new(o, "healthy", json_boolean(report_is_healthy(r)));
    json_object_set_new(o, "supervisor", part_json(&r->supervisor));
    json_object_set_new(o, "store", part_json(&r->store));
    json_object_set_new(o, "scheduler", part_json(&r->scheduler));
    json_object_set_new(o, "workers",
                        json_pack("{s:I, s:I}", "count", (json_int_t)r->workers, "private_bytes",
                                  (json_int_t)r->workers_bytes));
    if (r->store.up) {
        json_object_set_new(o, "objects", store_json(&r->store_stats));
    }
    if (r->scheduler.up) {
        put(o, "cpu_units_per_cpu", 10000);
        put(o, "cpu_units_total", r->scheduler_stats.cpus_total);
        put(o, "cpu_units_used", r->scheduler_stats.cpus_used);
        json_object_set_new(o, "tasks", tasks_json(&r->scheduler_stats));
        add_details(o, r->details);
    }
    return o;
}
