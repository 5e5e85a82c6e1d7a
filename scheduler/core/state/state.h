/*
 * state.h: what the core is made of, for the files of the core only. What can be done with each
 * part stands in the header of its own name. The state machines are drawn in scheduler/README.md.
 */
#ifndef LODE_SCHEDULER_CORE_STATE_H
#define LODE_SCHEDULER_CORE_STATE_H

#include "api/base/assert.h"
#include "api/base/hash.h"
#include "api/layout/id.h"
#include "api/wire/rendezvous_msg.h"
#include "scheduler/core/core.h"
#include "scheduler/core/state/deadlines.h"
#include "scheduler/core/parts/libraries.h"
#include "scheduler/core/parts/output.h"
#include "scheduler/core/parts/pool.h"
#include "scheduler/core/parts/resources.h"
#include "scheduler/core/programs/program.h"

#include <lode/task.h>

/* The policy's numbers. */
enum {
    CORE_AHEAD_NS = 300000,         /* run time that may be queued at a worker */
    CORE_AHEAD_ONE_NS = 10000000,   /* below it, one task may be queued behind the running one */
    CORE_DEPTH_MAX = 1001,          /* tasks at a worker, the running one included */
    CORE_AHEAD_BYTES = 16 << 20,    /* arguments at a worker; its link holds 256 MiB, then breaks */
    CORE_CHAIN_NS = 50000,          /* what may lie before a chained task if a worker is idle */
    CORE_TASK_COST_NS = 300,        /* what the shortest task is taken to last */
    CORE_RECALL_NOW_NS = 200000,    /* queued ahead by more: recalled for an idle worker at once */
    CORE_RECALL_LATER_NS = 1000000, /* by less: looked at again after so long */
    CORE_ENDED_MAX = 256,           /* end notices that wait for one message */
    CORE_ENDED_NS = 5000000,        /* … and for how long */
    CORE_ASK_AGAIN_NS = 100000000,  /* until a store that had no memory is asked again */
    CORE_ASK_MOST = 1 << 16,        /* ids that it is asked for in one step, if it goes well */
    CORE_UNCHARGED_MAX = 10,        /* deaths of a worker before its first task began to run */
    CORE_MISSING_MAX = 16,          /* times that an argument may be there and then not be there */
    CORE_START_FAILURES = 5,        /* in a row: no worker can be started */
    CORE_DESCRIBE_MAX = 3,          /* workers that may die over one library */
    CORE_INLINE_ARGS = 72,
    CORE_FAILURES_KEPT = 16,
    CORE_SERVED_KEPT = 16, /* programs that a worker may say its pipes are of */
    CORE_LATE_MOST = 1024, /* tasks whose time is over that fail in one step */
    CORE_RUNNING_MAX = 64, /* workers of a program that are not blocked; or that wait for room … */
    CORE_RUNNING_OF_CPU = 4, /* … in the store; and as many more of either for each CPU */
    CORE_PROGRAM_LOOKS = 16, /* programs that are looked at for missing workers */
    CORE_IDLE_LOOKS = 8,     /* idle workers among which one that knows the program is looked for */
    CORE_LIBRARY_FUNCTIONS = 4096
};
#define CORE_BACKOFF_NS     INT64_C(10000000)    /* after the first worker that did not start */
#define CORE_BACKOFF_MAX_NS INT64_C(5000000000)  /* doubles up to this */
#define CORE_HUNGER_NS      INT64_C(1000000000)  /* no process, thread or memory: that may pass */
#define CORE_START_NS       INT64_C(30000000000) /* a worker that is not READY by then is killed */
#define CORE_SPARE_NS       INT64_C(2000000000)  /* an idle worker beyond `prestart` is kept */
#define CORE_STUCK_NS       INT64_C(1000000000)  /* all of a program blocked, no more allowed */
#define CORE_STUCK_AGAIN_NS INT64_C(50000000) /* … and it still is, after that helped not enough */
#define CORE_GIVE_UP_NS     INT64_C(1500000000) /* a call that is told to end looks once a second */
#define CORE_SHIFT_NS       UINT64_C(2000000) /* a worker serves one program so long if others wait */
#define CORE_GRACE_NS       INT64_C(2000000000) /* from the flag to SIGTERM, and from that to SIGKILL */
#define CORE_TIDY_NS        INT64_C(2000000000) /* memory not needed for so long goes back */
#define CORE_TIDY_PART_NS   INT64_C(1000000)    /* between two parts of it */
#define CORE_ORPHANS_NS     INT64_C(1000000000) /* until tasks of ended programs are looked at */
#define CORE_WIDE_NS        INT64_C(50000000)   /* a wide task waits; then the others do */
#define CORE_RUN_MAX_NS     UINT64_C(3600000000000) /* a run time that is believed */

TAILQ_HEAD(core_session_list, core_session);
TAILQ_HEAD(core_dep_list, core_dep);
TAILQ_HEAD(core_question_list, core_question);

/* ---- tasks ---------------------------------------------------------------------------------- */

enum core_task_state {
    CORE_TASK_WAITING = 1, /* for arguments */
    CORE_TASK_READY,       /* in its lane */
    CORE_TASK_PLACED,      /* in a worker's queue; it may be running */
    CORE_TASK_SETTLING,    /* in a dead worker's queue; the store is asked what became of it */
    CORE_TASK_FAILING      /* its error object is on its way */
};

/*
 * The fields stand in the order of their use, a cache line in each part: with 100,000 tasks
 * outstanding, each line that an ended task touches is a miss.
 */
struct core_task {
    uint64_t number;
    union {
        TAILQ_ENTRY(core_task) link; /* READY: in its lane; PLACED, SETTLING: worker.queue */
        struct core_late late;       /* READY and is_late */
    };
    TAILQ_ENTRY(core_task) of_lane; /* lane.tasks */
    struct core_lane *lane;         /* says of which program it is, and who has submitted it */
    struct core_worker *worker;     /* PLACED, SETTLING */
    struct core_function *function; /* NULL: there is no such function; FAILING from birth */

    struct core_dep *deps;    /* WAITING, chained: one for each argument that is to come */
    struct core_object *made; /* what it will make: `result_count` of them */
    uint64_t submission;
    lode_id results;
    uint32_t result_count;
    uint32_t attempts; /* charged */
    uint32_t waiting;  /* arguments that are to come; PLACED: chained, made in the same queue */
    uint32_t estimate_ns;
    uint32_t bytes_size;
    uint8_t name_size;
    uint8_t state;    /* enum core_task_state; states.c alone writes it */
    bool is_late : 1; /* in the heap of its lane */
    bool recalling : 1;
    bool cancelled : 1; /* somebody asked */
    bool abandoned : 1; /* its session ended and nobody else wants it: ends without a word */
    bool wanted : 1;    /* while its ended session is sorted out */
    bool done : 1;      /* while its dead worker is settled */
    bool forced : 1;    /* cancelled or abandoned: ends even if its function does not look */
    bool has_nested : 1;
    bool cancels_nested : 1; /* what it submits is cancelled with it */
    bool has_deadline : 1;   /* it is in core.deadlines */
    bool timed_out : 1;      /* cancelled because its time limit is over */
    bool gave_up : 1;        /* it failed because it was cancelled, or nobody wants it any more */

    /* Not looked at when it ends. */
    struct core_ticket ticket;
    struct core_lane *nested; /* of what it submits itself, one for each session; see has_nested */
    struct core_resources needs;
    uint32_t max_retries;
    uint32_t limit_ms; /* from its submission; 0: none */
    uint32_t born;     /* when it was submitted; see core_task_age_ns() */
    uint16_t arg_count : 11;
    uint16_t missing : 5; /* times handed back for an argument */
    uint8_t uncharged;    /* workers that died with it at the head, unstarted */
    uint8_t flags;        /* LODE_SUBMIT_… */
    uint8_t *bytes;       /* name, filled to 8, then the arguments; inline_bytes or malloc()ed */
    uint8_t inline_bytes[CORE_INLINE_ARGS];
};
_Static_assert(offsetof(struct core_task, deps) == 64 &&
                   offsetof(struct core_task, ticket) == 128 && sizeof(struct core_task) == 256,
               "state.h: a cache line in each part");
_Static_assert((int)LODE_TASK_ARGS_MAX < 1 << 11 && (int)CORE_MISSING_MAX + 1 < 1 << 5,
               "state.h: they fit into their bits");

/*
 * An object that is to come, in the table by id. It is the result of a live task. Or it is somebody
 * else's, and tasks wait for it: then the store is asked for it (WATCH) as long as one of them
 * does.
 */
struct core_object {
    lode_id id;
    struct core_object *next_in_bucket;
    struct core_task *task;       /* that will make it; NULL: the store is asked */
    struct core_object *sibling;  /* the task's next one */
    uint64_t watch;               /* no task: the cookie of its WATCH */
    struct core_dep_list waiters; /* who waited first comes first */
};

/* One argument of a waiting task: an object that is to come. */
struct core_dep {
    TAILQ_ENTRY(core_dep) of_object;
    struct core_dep *next; /* the task's */
    struct core_task *task;
    struct core_object *object;
};

/* A WATCH that the store had no memory for. Tasks may have stopped waiting for it meanwhile. */
struct core_starved {
    STAILQ_ENTRY(core_starved) entry;
    lode_id id;
    uint64_t watch;
};
STAILQ_HEAD(core_starved_list, core_starved);

struct core_objects {
    struct core_object **bucket;
    size_t mask;
    size_t count;
    size_t most; /* that there were since the last core_objects_tidy() */
    size_t few;  /* with less than so many for a while the table is made smaller; 0: it is small */
    size_t watched; /* of them: the store is asked */
    uint64_t watch; /* cookie of the next WATCH */
    struct core_starved_list starved;
    uint32_t ask_most; /* ids that are asked for at once: more each time, until one is starved */
    int64_t ask_at;    /* when the store is asked for those again; 0: there are none */
    struct core_pool pool, deps, starving;
};

/* ---- sessions, workers ---------------------------------------------------------------------- */

struct core_session {
    uint64_t number;
    uint64_t store_session;
    int64_t pid;
    struct core_worker *worker; /* role worker; NULL: a program, or its worker is reaped */
    uint32_t host;              /* the worker in whose process it was opened; 0: in none */
    uint64_t inside;            /* the task that started the process in which it was; 0: none did */
    uint64_t home;              /* number of the program whose task it was in last; 0: of none */
    bool is_worker;
    bool knows_names;   /* it was told what a function's name stands for; see FORGET */
    bool cut;           /* told to go: nothing of it counts any more */
    bool ended;         /* kept while it has tasks */
    uint32_t questions; /* RESULTS that are out */
    uint32_t task_count;
    uint64_t last_submission;
    uint64_t last_result;         /* counter of the highest result id that it submitted */
    struct core_lane_list lanes;  /* of what it submitted, in the order of their making */
    struct core_program *program; /* of which it is the root; a worker's: see submit.c, lane_of() */
    TAILQ_ENTRY(core_session) notice_link; /* core.notices: has end notices */
    int64_t notice_since;
    uint32_t ended_count;
    uint64_t ended_submissions[CORE_ENDED_MAX];
    UT_hash_handle by_number, by_store;
};

enum core_worker_state {
    CORE_WORKER_STARTING = 1,
    CORE_WORKER_UP,
    CORE_WORKER_QUITTING, /* told to go, or being killed: gets nothing more */
    CORE_WORKER_DEAD      /* reaped; its tasks are being settled */
};

enum core_worker_list_name { CORE_LIST_NONE = 0, CORE_LIST_IDLE, CORE_LIST_OPEN };

struct core_worker {
    uint32_t number;
    uint8_t state;
    uint8_t list; /* enum core_worker_list_name: where `link` is */
    bool blocked;
    bool for_room; /* blocked: for room in the store */
    bool stale;    /* has an old version of a library, what a task has left, or got SIGTERM: gets
                   nothing, is replaced */
    bool killed;
    bool was_up;
    bool gives_up;       /* blocked, and told to end its call with an error */
    bool has_forced;     /* a task of its queue may be `forced`; see stopping.h */
    bool was_terminated; /* it got a SIGTERM for the task `stopping` */
    uint64_t stopping;   /* the running task that is to end by force; 0: none was yet */
    int64_t stop_at;     /* when the next signal is due for it */
    int64_t pid;
    struct core_session *session;
    uint64_t store_session;
    TAILQ_ENTRY(core_worker) all_link;
    TAILQ_ENTRY(core_worker) link; /* core.idle, or its program's open ones */
    struct core_program *program;  /* whose tasks are in the queue; NULL: none is */
    struct core_task_list queue;   /* in the order of sending */
    uint32_t count;
    uint32_t chained; /* tasks in the queue that wait for others in it */
    uint32_t recalls; /* RECALLs that are out */
    uint64_t queued_ns;
    uint64_t served_ns;          /* estimated run time that it was given for `program` */
    uint64_t queued_bytes;       /* of their arguments: bounds what waits in the worker's link */
    struct core_resources lease; /* what each task in the queue needs; valid with count > 0 */
    int64_t since;               /* STARTING: started; idle: since when */
    int64_t unblocked_at;        /* when its task went on last */
    int64_t head_since;          /* since when the first task of its queue is the first */
    uint64_t blocked_task;
    uint64_t blocked_call;   /* as the worker counts them */
    uint64_t blocked_number; /* the one with the highest was the last to block */
    struct core_load *describing;
    uint64_t *known; /* bits: functions that it was told */
    uint32_t known_words;
    struct core_library **held; /* libraries that it has opened */
    uint32_t held_count;
    uint64_t finished;       /* tasks */
    uint64_t printed;        /* records PRINTED, */
    uint64_t taken;          /* and the last one whose bytes have come without it */
    struct core_part *parts; /* lines that have no end yet; the newest first */
    uint32_t part_count;
    struct core_function *last_function; /* whose task ended last */
    uint64_t last_program; /* number of the one whose tasks it has run last; 0: none yet */
    char last_name[LODE_TASK_NAME_MAX + 1];
    uint64_t served[CORE_SERVED_KEPT]; /* numbers of the last programs whose tasks it had, */
    uint32_t served_count;             /* of all of them */
    struct core_claim *claims;         /* the last ones of `claim_count` that it said were done */
    uint64_t claim_count;
    uint32_t claim_room;
    uint32_t asked; /* DEAD: tasks that the store was asked about */
    struct core_death {
        int64_t pid;
        int32_t signal, exit_status;
        uint64_t finished;                     /* from its page: the last task, */
        uint64_t begun[LODE_WORKER_BEGUN_MAX]; /* and those that had begun */
        bool at_address;                       /* the signal is a fault of its own, at: */
        uint64_t address;
    } * death;
    UT_hash_handle hh;
};

/* ---- the scheduler -------------------------------------------------------------------------- */

/* One reason for which tasks of a program have failed; the first of `tasks` is the one told of. */
struct core_failure {
    int64_t when_ns; /* the latest */
    uint64_t tasks;
    char reason[LODE_TASK_NAME_MAX + LODE_TASK_WHY_MAX + 16];
    lode_err code;
    int64_t pid;
    int32_t signal;
    int64_t program; /* pid; 0: not known any more */
    uint32_t depth;
    char function[LODE_TASK_NAME_MAX + 1];
    char message[LODE_TASK_WHY_MAX + 1];
};

/* Workers in a row that did not come up; see workers/starts.h. */
struct core_starts {
    uint32_t waits;        /* all of them, */
    uint32_t failures;     /* and those that nobody has killed: */
    int64_t failing_since; /* the first, */
    bool is_hunger;        /* and the last one */
    bool is_hopeless;      /* nobody need wait any more for the next one */
    char why[160];
};

struct core {
    struct core_options options;
    char *builtin_name, *builtin_path;
    int64_t now, started_ns;
    uint64_t steps;

    uint8_t *out; /* actions */
    size_t out_used, out_read, out_room;

    struct core_pool task_pool;
    struct core_task **slot;                  /* by the low bits of the number */
    uint32_t slot_room, slot_used, slot_free; /* slot_free: 1 + first free one; 0: none */
    uint64_t serial;
    struct core_objects objects;
    struct core_deadlines deadlines;

    struct core_session *sessions;  /* by number */
    struct core_session *by_store;  /* by store session */
    struct core_session *last_seen; /* the session of the last record */
    struct core_session_list notices;
    struct core_program_list programs; /* those that have ready tasks, … */
    struct core_program_list parked;   /* … but for those that may have no more workers */
    struct core_program_list ended;    /* those whose root session has ended, and that have tasks */
    int64_t orphans_at;                /* when those are looked at; 0: there are none */
    uint32_t orphans_asked;            /* questions about them that are out */
    struct core_program_list capped;   /* those that have all workers that they may have */
    struct core_program_list to_fill;  /* whose workers' queues may take more than they did */
    uint32_t untried;                  /* with ready tasks that no worker was sought for yet */
    uint32_t hungry;                   /* whose first task has found none, and that may have more */
    uint64_t looks;                    /* of dispatch(): programs for which a worker was sought */
    struct core_resources least; /* no program that waits, and is not parked, needs less next */
    uint64_t ready_count, waiting_count;
    uint64_t weightless; /* ready tasks that need nothing */

    struct core_worker *workers; /* by number */
    struct core_worker_list all, idle;
    uint32_t next_worker;
    uint32_t processes;                /* started and not reaped */
    uint32_t starting;                 /* of them, not up yet */
    uint32_t usable;                   /* up, not blocked, not stale */
    uint32_t stacked;                  /* workers with more than one task */
    struct core_resources total, used; /* used: the leases of workers that are not blocked */
    uint32_t running_max; /* workers of a program that are not blocked; or wait for room */
    struct core_starts starts;
    int64_t spawn_after;
    bool pool_changed;     /* a worker came, went, blocked …: count them again */
    int64_t pool_deadline; /* when time alone changes something in the pool; 0: never */

    int64_t timer;           /* armed for; 0: not */
    int64_t tidy_at;         /* look for memory to give back; 0: there is little */
    unsigned tidied;         /* pools that have given theirs back, this time */
    int64_t recall_at;       /* look again for queued tasks to recall; 0: no */
    uint64_t blocked_number; /* of the last worker that blocked */
    int64_t wide_since;
    const struct core_program *wide; /* its first task waits for more than is free */

    struct core_function **function;
    uint32_t function_count, function_room;
    struct core_library *libraries;
    struct core_names offered; /* to all programs */
    struct core_offer *offers; /* what is to be offered again */
    bool names_changed;        /* some versions may have lost their last name */
    struct core_load_list loads;
    uint64_t next_cookie;
    struct core_question_list questions; /* in the order of asking */

    struct core_failure failure[CORE_FAILURES_KEPT];
    uint8_t failure_order[CORE_FAILURES_KEPT]; /* the latest first */
    uint32_t failure_count;
    lode_scheduler_stats stats; /* the counters; gauges are filled in when asked */
    char *text;                 /* where lines are put together; see printed.c */
};

static inline bool
core_program_may_grow(const struct core *core, const struct core_program *program)
{
    return program->workers < program->worker_max &&
           program->workers - program->blocked < core->running_max &&
           program->for_room < program->room_max;
}

/*
 * Its queues may take a task that they did not take before: a worker of it has more room, or its
 * next task may be another one. Else nobody looks at it: of a thousand programs whose workers have
 * room, most find that what is ready cannot go there.
 */
static inline void
core_program_fill(struct core *core, struct core_program *program)
{
    if (!program->to_fill) {
        program->to_fill = true;
        TAILQ_INSERT_TAIL(&core->to_fill, program, fill_link);
    }
}

/* True if nothing that is ready fits, whatever worker there were. */
static inline bool
core_is_full(const struct core *core)
{
    return core->weightless == 0 && core_resources_full(core->total, core->used);
}

static inline uint32_t
core_align8(uint32_t size)
{
    return (size + 7) & ~UINT32_C(7);
}

#endif
