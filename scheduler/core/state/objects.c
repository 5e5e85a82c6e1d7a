#include "scheduler/core/state/objects.h"

#include "scheduler/core/state/actions.h"

enum { BUCKETS_MIN = 1024 };

static size_t
bucket_of(const struct core_objects *objects, lode_id id)
{
    uint64_t low = lode_id_low(id);
    uint64_t x = (lode_id_high(id) ^ (low >> 3)) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)((x >> 20) << 3 | (low & 7)) & objects->mask;
}

void
core_objects_init(struct core_objects *objects)
{
    objects->mask = BUCKETS_MIN - 1;
    objects->count = objects->watched = 0;
    objects->watch = 1;
    objects->bucket = core_need(calloc(BUCKETS_MIN, sizeof *objects->bucket));
    core_pool_init(&objects->pool, sizeof(struct core_object));
    core_pool_init(&objects->deps, sizeof(struct core_dep));
    core_pool_init(&objects->starving, sizeof(struct core_starved));
    STAILQ_INIT(&objects->starved);
    objects->ask_at = 0;
}

void
core_objects_fini(struct core_objects *objects)
{
    free(objects->bucket);
    core_pool_fini(&objects->pool);
    core_pool_fini(&objects->deps);
    while (!STAILQ_EMPTY(&objects->starved)) {
        struct core_starved *starved = STAILQ_FIRST(&objects->starved);
        STAILQ_REMOVE_HEAD(&objects->starved, entry);
        core_pool_give(&objects->starving, starved);
    }
    core_pool_fini(&objects->starving);
}

static void
resize(struct core_objects *objects, size_t buckets)
{
    struct core_object **old = objects->bucket;
    size_t old_count = objects->mask + 1;
    struct core_object **bucket = calloc(buckets, sizeof *bucket);
    if (bucket == NULL) {
        return; /* a table of another size would be faster, or smaller: this one still works */
    }
    objects->bucket = bucket;
    objects->mask = buckets - 1;
    objects->few = buckets >= 4 * BUCKETS_MIN ? buckets / 32 : 0;
    for (size_t i = 0; i < old_count; i++) {
        struct core_object *next;
        for (struct core_object *r = old[i]; r != NULL; r = next) {
            next = r->next_in_bucket;
            struct core_object **head = &objects->bucket[bucket_of(objects, r->id)];
            r->next_in_bucket = *head;
            *head = r;
        }
    }
    free(old);
}

struct core_object *
core_object_find(const struct core_objects *objects, lode_id id)
{
    struct core_object *object = objects->bucket[bucket_of(objects, id)];
    while (object != NULL && !lode_id_same(object->id, id)) {
        object = object->next_in_bucket;
    }
    return object;
}

static struct core_object *
add(struct core_objects *objects, lode_id id)
{
    if (2 * objects->count > objects->mask) {
        resize(objects, 2 * (objects->mask + 1));
    }
    struct core_object *object = core_pool_take(&objects->pool);
    struct core_object **head = &objects->bucket[bucket_of(objects, id)];
    *object = (struct core_object){.id = id, .next_in_bucket = *head};
    *head = object;
    TAILQ_INIT(&object->waiters);
    objects->count++;
    objects->most = objects->count > objects->most ? objects->count : objects->most;
    return object;
}

static void
take_out(struct core_objects *objects, struct core_object *object)
{
    struct core_object **at = &objects->bucket[bucket_of(objects, object->id)];
    while (*at != object) {
        at = &(*at)->next_in_bucket;
    }
    *at = object->next_in_bucket;
    LODE_ASSERT(TAILQ_EMPTY(&object->waiters));
    core_pool_give(&objects->pool, object);
    objects->count--;
}

void
core_objects_tidy(struct core_objects *objects)
{
    while (objects->most < objects->few) {
        size_t few = objects->few;
        resize(objects, (objects->mask + 1) / 4);
        if (objects->few == few) {
            break; /* there was no memory for a smaller one */
        }
    }
    objects->most = objects->count;
}

/* ---- what live tasks make -------------------------------------------------------------------- */

/*
 * Takes a WATCH back. A later WATCH of the id has another cookie, so an answer to this one that is
 * under way is not taken for the later one's.
 */
static void
unwatch(struct core *core, struct core_object *object)
{
    struct core_objects *objects = &core->objects;
    core_emit_ids(core, CORE_UNWATCH, 0, object->watch, &object->id, 1);
    objects->watch += object->watch == objects->watch;
    object->watch = 0;
    objects->watched--;
}

/*
 * Results that come after all others of their session are no live task's. So they are in the table
 * only if the store is asked for some object.
 */
static bool
are_surely_new(const struct core_objects *objects, const struct core_task *task)
{
    return objects->watched == 0 && lode_id_low(task->results) > task->lane->session->last_result;
}

/* How many of the task's results are awaited at the store. False: another live task makes one. */
static bool
may_promise(const struct core_objects *objects, const struct core_task *task, uint32_t *awaited_out)
{
    *awaited_out = 0;
    if (are_surely_new(objects, task)) {
        return true; /* the common case: the table need not be looked at */
    }
    for (uint32_t i = 0; i < task->result_count; i++) {
        const struct core_object *object =
            core_object_find(objects, lode_id_plus(task->results, i));
        if (object != NULL && object->task != NULL) {
            return false;
        }
        *awaited_out += object != NULL;
    }
    return true;
}

/* Enters the last result first, so that the task's list of results begins with the first one. */
bool
core_objects_promise(struct core *core, struct core_task *task)
{
    uint32_t awaited;
    if (!may_promise(&core->objects, task, &awaited)) {
        return false;
    }
    for (uint32_t i = task->result_count; i-- > 0;) {
        lode_id id = lode_id_plus(task->results, i);
        struct core_object *object = awaited > 0 ? core_object_find(&core->objects, id) : NULL;
        if (object == NULL) {
            object = add(&core->objects, id);
        } else {
            unwatch(core, object);
        }
        object->task = task;
        object->sibling = task->made;
        task->made = object;
    }
    return true;
}

void
core_objects_forget(struct core *core, struct core_task *task)
{
    while (task->made != NULL) {
        struct core_object *object = task->made;
        task->made = object->sibling;
        take_out(&core->objects, object);
    }
}

/* ---- who waits ------------------------------------------------------------------------------- */

void
core_dep_add(struct core *core, struct core_task *task, lode_id id, bool *new_out)
{
    struct core_objects *objects = &core->objects;
    struct core_object *object = core_object_find(objects, id);
    *new_out = object == NULL;
    if (object == NULL) {
        object = add(objects, id);
        object->watch = objects->watch;
        objects->watched++;
    }
    struct core_dep *dep = core_pool_take(&objects->deps);
    *dep = (struct core_dep){.next = task->deps, .task = task, .object = object};
    TAILQ_INSERT_TAIL(&object->waiters, dep, of_object);
    task->deps = dep;
}

/* The dep is out of its task's list. */
static void
drop(struct core *core, struct core_dep *dep)
{
    struct core_object *object = dep->object;
    TAILQ_REMOVE(&object->waiters, dep, of_object);
    core_pool_give(&core->objects.deps, dep);
    if (object->watch != 0 && TAILQ_EMPTY(&object->waiters)) {
        unwatch(core, object);
        take_out(&core->objects, object);
    }
}

void
core_dep_remove(struct core *core, struct core_dep *dep)
{
    struct core_dep **at = &dep->task->deps;
    while (*at != dep) {
        at = &(*at)->next;
    }
    *at = dep->next;
    drop(core, dep);
}

void
core_deps_remove(struct core *core, struct core_task *task)
{
    while (task->deps != NULL) {
        struct core_dep *dep = task->deps;
        task->deps = dep->next;
        drop(core, dep);
    }
}

/*
 * ---- what the store is asked for ---------------------------------------------------------------
 */

struct core_object *
core_object_answered(struct core_objects *objects, uint64_t cookie, lode_id id)
{
    struct core_object *object = core_object_find(objects, id);
    if (object == NULL || object->watch != cookie) {
        return NULL;
    }
    object->watch = 0;
    objects->watched--;
    return object;
}

void
core_object_starved(struct core *core, uint64_t cookie, lode_id id)
{
    struct core_objects *objects = &core->objects;
    const struct core_object *object = core_object_find(objects, id);
    if (object == NULL || object->watch != cookie) {
        return;
    }
    struct core_starved *starved = core_pool_take(&objects->starving);
    *starved = (struct core_starved){.id = id, .watch = cookie};
    STAILQ_INSERT_TAIL(&objects->starved, starved, entry);
    objects->ask_most = CORE_STORE_IDS;
    if (objects->ask_at == 0) {
        objects->ask_at = core->now + CORE_ASK_AGAIN_NS;
    }
}

/* False: nothing is left, or the next one was asked for with another cookie. */
static bool
take_starved(struct core_objects *objects, uint64_t watch, lode_id *id_out)
{
    struct core_starved *starved = STAILQ_FIRST(&objects->starved);
    if (starved == NULL || starved->watch != watch) {
        return false;
    }
    *id_out = starved->id;
    STAILQ_REMOVE_HEAD(&objects->starved, entry);
    core_pool_give(&objects->starving, starved);
    return true;
}

/* WATCHes with one cookie go in one action, as at first. Gives how many ids were looked at. */
static uint32_t
ask_for_one_cookie(struct core *core, uint32_t most)
{
    lode_id ids[CORE_STORE_IDS], id;
    uint64_t watch = STAILQ_FIRST(&core->objects.starved)->watch;
    uint32_t looked = 0, count = 0;
    for (; looked < most && take_starved(&core->objects, watch, &id); looked++) {
        const struct core_object *object = core_object_find(&core->objects, id);
        if (object != NULL && object->watch == watch) {
            ids[count++] = id;
        }
    }
    if (count > 0) {
        core_emit_ids(core, CORE_WATCH, 0, watch, ids, count);
    }
    return looked;
}

void
core_objects_ask_again(struct core *core)
{
    struct core_objects *objects = &core->objects;
    if (objects->ask_at == 0 || core->now < objects->ask_at) {
        return;
    }
    uint32_t looked = 0, most = objects->ask_most;
    while (looked < most && !STAILQ_EMPTY(&objects->starved)) {
        uint32_t left = most - looked;
        looked += ask_for_one_cookie(core, left < CORE_STORE_IDS ? left : CORE_STORE_IDS);
    }
    objects->ask_most = most < CORE_ASK_MOST ? 2 * most : most; /* it may have memory again */
    objects->ask_at = STAILQ_EMPTY(&objects->starved) ? 0 : core->now + CORE_ASK_AGAIN_NS;
}

void
core_object_close(struct core_objects *objects, struct core_object *object)
{
    take_out(objects, object);
}
