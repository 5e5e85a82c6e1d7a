/* state.h: what a simulated world is made of, for the files of this folder. */
#ifndef LODE_TESTS_SIM_STATE_H
#define LODE_TESTS_SIM_STATE_H

#include "api/base/assert.h"
#include "api/layout/id.h"
#include "api/wire/rendezvous_msg.h"
#include "tests/sim/world.h"

#include <lode/task.h>

enum { SESSIONS_MAX = 4096, PROGRAMS = 3, ARGS_MAX = 4, FUNCTIONS = 3, NONE = -1 };
#define OVERTIME_NS INT64_C(5000000000) /* two times of grace, and what links and deaths take */
enum {
    TREES = 40,
    LADDER = 16, /* tasks */
    LADDER_WORKERS = 6,
    /*
     * A function whose tasks have not submitted any yet may have a task queued ahead, once on each
     * CPU: it can begin before a deeper one that is ready.
     */
    TREE_FUNCTIONS = 2,
    TREE_DEPTH = 6,
    TREE_WIDTH = 5 /* children of a task: fewer than so many */
};

enum object_state { OBJECT_TO_COME, OBJECT_SEALED, OBJECT_ERROR, OBJECT_GONE };

struct sim_task {
    int session;
    uint64_t submission, parent, number;
    lode_id results;
    uint32_t result_count, arg_count, max_retries, executions, flags, timeout_ms;
    int64_t deadline; /* with timeout_ms, once it has arrived */
    bool loops;       /* and never ends by itself */
    lode_id arg[ARGS_MAX];
    bool arrived; /* at the core */
    bool ended, sealed, failed;
    bool lost;      /* its end was told, and its results never came */
    int running_at; /* worker */
    int program;    /* session of the tree's root */
    uint32_t depth; /* in a tree of tasks */
    uint32_t child_count;
    lode_id child[TREE_WIDTH];
};

struct sim_object {
    enum object_state state;
    bool asked; /* the scheduler has named it in RESULTS */
    int user;   /* a session other than its maker's whose task wants it; NONE */
    int task;   /* NONE: made by nobody that the scheduler knows */
};

struct sim_session {
    uint64_t number, store_session;
    bool open, ended, is_worker;
    int worker;
    uint64_t submissions, submission_room;
    int *task_of;              /* by submission */
    struct sim_object *object; /* by counter */
    uint64_t objects, room;
    uint32_t forks;    /* trees: tasks of the program that wait for their children */
    int64_t link_time; /* of the last record on its way to the core */
};

struct sim_worker {
    uint32_t number;
    bool alive, up, reaped, lose;
    int session;
    int64_t in_time;
    uint64_t *queue; /* task numbers */
    uint32_t count, room;
    int64_t running; /* index of the task; NONE */
    uint64_t running_number;
    bool blocked;
    lode_id awaits;
    uint64_t calls; /* that slept */
    uint64_t epoch, begun;
    struct lode_worker_page page;
};

struct sim_watch {
    uint64_t cookie;
    lode_id id;
};

enum event_kind { EV_CORE, EV_TO_WORKER, EV_FINISH, EV_PROGRAM, EV_SEAL, EV_START, EV_DIE };

struct sim_event {
    int64_t time;
    uint64_t order;
    enum event_kind kind;
    int worker, session;
    uint64_t epoch;
    struct core_event core;
    lode_id id;
    uint16_t type;
    uint32_t size;
    uint8_t *bytes;
};

struct sim_world {
    struct sim_options options;
    struct sim_counts *counts;
    struct core *core;
    uint64_t random;
    int64_t now;
    uint64_t order, steps;
    bool closing;
    struct sim_event **heap;
    size_t heap_count, heap_room;
    struct sim_session session[SESSIONS_MAX];
    int session_count;
    struct sim_task *task;
    int task_count, task_room;
    struct sim_worker *worker;
    int worker_count, worker_room;
    struct sim_watch *watch;
    size_t watch_count, watch_room;
    uint64_t pending_timer; /* order of the only timer event that counts */
    int *slot_task;         /* by the slot in a task's number */
    uint64_t slot_room;
    int start_failing; /* so many starts fail from now on */
    uint32_t cpus;
};

/* ---- chance.c -------------------------------------------------------------------------------- */

uint64_t below(struct sim_world *w, uint64_t limit);
bool one_in(struct sim_world *w, uint64_t n);
int64_t delay(struct sim_world *w);
struct sim_event *schedule(struct sim_world *w, enum event_kind kind, int64_t time);
struct sim_event *next_event(struct sim_world *w);
struct sim_event *to_core(struct sim_world *w, enum core_event_type type, int64_t time);
struct sim_event *record_to_core(struct sim_world *w, int session, uint16_t type, const void *bytes,
                                 uint32_t size);

/* ---- objects.c ------------------------------------------------------------------------------- */

int session_of_store(struct sim_world *w, uint64_t store_session);
struct sim_object *object_of(struct sim_world *w, lode_id id);
lode_id new_objects(struct sim_world *w, int session, enum lode_id_kind kind, uint32_t count,
                    int task);
uint32_t found(const struct sim_object *object);
void notify(struct sim_world *w, uint64_t cookie, lode_id id);
void notify_starved(struct sim_world *w, uint64_t cookie, lode_id id); /* it is not watched */
void decide(struct sim_world *w, lode_id id, enum object_state state);
bool all_forgotten(struct sim_world *w, const struct sim_task *task);
void seal_results(struct sim_world *w, struct sim_task *task, bool error);

/* ---- programs.c ------------------------------------------------------------------------------ */

int new_session(struct sim_world *w, bool is_worker, int worker);
int session_numbered(struct sim_world *w, uint64_t number);
void end_session(struct sim_world *w, int session, int64_t time);
lode_id submit(struct sim_world *w, int session, uint64_t parent, lode_id chained, bool plain);
void act(struct sim_world *w, int session);
void submit_all(struct sim_world *w, int session);
void seal_foreign(struct sim_world *w, lode_id id);

/* ---- workers.c ------------------------------------------------------------------------------- */

int worker_numbered(struct sim_world *w, uint64_t number);
struct sim_task *task_numbered(struct sim_world *w, uint64_t number);
void die(struct sim_world *w, int index, int32_t status);
void send_done(struct sim_world *w, struct sim_worker *worker, uint64_t number, uint32_t status,
               uint64_t run_ns);
void got_signal(struct sim_world *w, int index, int32_t signal);
void start_worker(struct sim_world *w, int index);
void spawn(struct sim_world *w, uint64_t number);

/* ---- tasks.c --------------------------------------------------------------------------------- */

void work(struct sim_world *w, int index);
void finish(struct sim_world *w, int index);
void unblock(struct sim_world *w, int index);
void unblock_waiters(struct sim_world *w, lode_id id);

/* ---- records.c ------------------------------------------------------------------------------- */

void to_worker(struct sim_world *w, const struct sim_event *event);

/* ---- actions.c ------------------------------------------------------------------------------- */

void carry_out(struct sim_world *w, const struct core_action *a);

#endif
