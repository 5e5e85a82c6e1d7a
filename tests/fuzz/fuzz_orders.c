/*
 * What a scheduler may tell a worker or a program: the welcome at the rendezvous, tasks to run with
 * any arguments, recalls, functions; answers, ends of calls, lines of output. The store is hostile,
 * too.
 *
 * ctest: replay 20000
 */
#include "tests/fuzz/orders_world.h"

#include "api/client/tasks/functions.h"

static lode *db;
static struct worker worker;
static struct queue_item *item; /* that the main thread has */
static bool is_worker, worker_ended;
static _Alignas(8) uint8_t page[LODE_WORKER_PAGE_BYTES];

/* ---- the user's code ------------------------------------------------------------------------- */

static void
read_arg(lode_task *task, size_t index)
{
    int64_t i64;
    double f64;
    const char *text;
    lode_view view = {0};
    lode_id id;
    if (lode_task_str(task, index, &text) == LODE_OK) {
        fuzz_expect(strlen(text) < RECORD);
    }
    (void)!lode_task_i64(task, index, &i64);
    (void)!lode_task_f64(task, index, &f64);
    (void)!lode_task_ref(task, index, &id);
    (void)!lode_task_array(task, index, LODE_F64, 2, &view);
    if (lode_task_view(task, index, &view) == LODE_OK && view.kind != LODE_KIND_BLOB) {
        check_view(db, &view);
    } else if (view.data != NULL) {
        free(fuzz_copy(view.data, view.size));
    }
}

static void
make_result(lode_task *task, size_t index)
{
    static const uint8_t some[20000];
    const lode_array array = {.dtype = LODE_F64, .ndim = 1, .shape = {30}, .strides = {1}};
    uint8_t how = fuzz_u8(script);
    void *data;
    switch (how % 4) {
    case 0:
        (void)!lode_task_return_i64(task, index, 7);
        break;
    case 1:
        (void)!lode_task_return_bytes(task, index, some, how & 64 ? sizeof some : how);
        break;
    case 2:
        if (lode_task_result(task, index, &array, &data) == LODE_OK) {
            memset(data, 1, 30 * sizeof(double));
        }
        break;
    default:
        break;
    }
}

static lode_err
task_body(lode_task *task)
{
    lode_view view;
    lode_draft draft;
    uint8_t how = fuzz_u8(script);
    for (size_t i = 0; i <= lode_task_arg_count(task); i++) {
        read_arg(task, i);
    }
    for (size_t i = 0; i < how % 4u; i++) {
        make_result(task, i);
    }
    if (how & 4) {
        (void)!lode_get(db, pristine[SMALL].id, 0, &view); /* and never releases it */
    }
    if (how & 64) {
        (void)!lode_get(db, lode_id_make(LODE_ID_RESULT, SESSION, how), 5000, &view);
    }
    if (how & 128) {
        (void)!lode_create(db, 200, NULL, 5000, &draft); /* waits for room */
    }
    if (how & 8) {
        (void)!lode_keep(db, pristine[INLINE].id);
        (void)!lode_create(db, 100, NULL, 0, &draft); /* nor ends it */
    }
    return how & 16 ? lode_fail(task, LODE_EINVAL, "no") : how & 32 ? LODE_ECANCELLED : LODE_OK;
}

/* ---- records --------------------------------------------------------------------------------- */

static uint32_t
add_args(uint8_t *bytes, uint32_t at, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct lode_task_arg head = {.kind = fuzz_u8(script) % 8};
        uint8_t value[64] = {0}, shape = fuzz_u8(script);
        head.size = head.kind == LODE_ARG_REF                                ? sizeof(lode_id)
                    : head.kind == LODE_ARG_I64 || head.kind == LODE_ARG_F64 ? 8
                                                                             : shape % 64;
        if (head.kind == LODE_ARG_REF) {
            memcpy(value, &pristine[shape % OBJECTS].id, sizeof(lode_id));
            value[15] ^= shape & 128; /* of no object */
        } else if (head.kind != LODE_ARG_STR) {
            memset(value, shape, sizeof value);
        }
        memcpy(bytes + at, &head, sizeof head);
        memcpy(bytes + at + sizeof head, value, lode_align8(head.size));
        at += (uint32_t)(sizeof head + lode_align8(head.size));
    }
    return at;
}

static uint32_t
make_run(uint8_t *bytes)
{
    struct lode_task_run run = {.task = fuzz_u8(script),
                                .function = fuzz_u8(script) % 8,
                                .result_count = fuzz_u8(script) % 5,
                                .arg_count = fuzz_u8(script) % 8};
    run.results = lode_id_make(LODE_ID_RESULT, SESSION, run.task * 8 + 1);
    run.cpus = run.task * 100;
    run.program = run.task % 16 / 4; /* for some, no pipe is to be had */
    run.program_pid = run.task & 16 ? getpid() : 0;
    memcpy(bytes, &run, sizeof run);
    return add_args(bytes, sizeof run, run.arg_count);
}

static uint32_t
make_numbers(uint8_t *bytes)
{
    struct lode_task_recall recall = {.count = fuzz_u8(script) % 8};
    memcpy(bytes, &recall, sizeof recall);
    for (uint32_t i = 0; i < recall.count; i++) {
        uint64_t number = fuzz_u8(script);
        memcpy(bytes + sizeof recall + i * sizeof number, &number, sizeof number);
    }
    return (uint32_t)(sizeof recall + recall.count * sizeof(uint64_t));
}

/* Of a task that runs, or of one that waits: it is cancelled, or its time is over. */
static uint32_t
make_stop(uint8_t *bytes)
{
    struct lode_task_cancel stop = {.task = fuzz_u8(script), .limit_ms = fuzz_u8(script) % 2};
    memcpy(bytes, &stop, sizeof stop);
    return sizeof stop;
}

/* For the call that sleeps now, or for another one. */
static uint32_t
make_give_up(uint8_t *bytes)
{
    struct lode_task_give_up give_up = {.call = is_worker ? worker.sleeping.calls : 1,
                                        .workers = 7};
    give_up.call += fuzz_u8(script) % 4;
    memcpy(bytes, &give_up, sizeof give_up);
    return sizeof give_up;
}

static uint32_t
make_forget(uint8_t *bytes)
{
    struct lode_task_forget forget = {.flags = fuzz_u8(script)};
    memcpy(bytes, &forget, sizeof forget);
    return sizeof forget;
}

static uint32_t
make_function(uint8_t *bytes)
{
    static const char text[] = "/l\0f\0l.f";
    struct lode_task_function function = {.function = fuzz_u8(script) % 8,
                                          .results = fuzz_u8(script) % 5};
    memcpy(bytes, &function, sizeof function);
    memcpy(bytes + sizeof function, text, sizeof text);
    return sizeof function + sizeof text;
}

/* RESOLVED, LOADED, STATS_ARE and LISTED begin with the tag and the error. */
static uint32_t
make_answer(uint8_t *bytes)
{
    const struct lode_tasks *tasks = lode_tasks_peek(db);
    struct lode_task_resolved head = {.tag = tasks != NULL ? tasks->last_tag : 0,
                                      .err = fuzz_u8(script) & 15,
                                      .function = 3,
                                      .results = fuzz_u8(script) % 6};
    memset(bytes, 0, sizeof(struct lode_task_stats));
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof(struct lode_task_stats), "text", 4);
    return sizeof(struct lode_task_stats) + 4;
}

static uint32_t
make_output(uint8_t *bytes)
{
    struct lode_task_output head = {.pid = 7,
                                    .flags = fuzz_u8(script) % 4,
                                    .name_size = fuzz_u8(script),
                                    .text_size = fuzz_u8(script),
                                    .dropped = fuzz_u8(script) % 3};
    memcpy(bytes, &head, sizeof head);
    memset(bytes + sizeof head, 'x', head.name_size + head.text_size);
    return (uint32_t)sizeof head + head.name_size + head.text_size;
}

static uint32_t
make_text(uint8_t *bytes)
{
    uint32_t size = fuzz_u8(script) + 1u;
    fuzz_bytes(script, bytes, size);
    return size;
}

/* One record of a scheduler's: well made, or of another size, or with other bytes. */
static void
next_record(void)
{
    static uint32_t (*const make[])(uint8_t *) = {
        [LODE_TASK_RESOLVED] = make_answer,  [LODE_TASK_LOADED] = make_answer,
        [LODE_TASK_STATS_ARE] = make_answer, [LODE_TASK_ENDED] = make_numbers,
        [LODE_TASK_OUTPUT] = make_output,    [LODE_TASK_FUNCTION] = make_function,
        [LODE_TASK_RUN] = make_run,          [LODE_TASK_RECALL] = make_numbers,
        [LODE_TASK_LISTED] = make_answer,    [LODE_TASK_STOP_TASK] = make_stop,
        [LODE_TASK_GIVE_UP] = make_give_up,  [LODE_TASK_FORGET] = make_forget,
        [LODE_TASK_MSG_END] = NULL,
    };
    _Alignas(8) uint8_t bytes[RECORD];
    uint8_t type = fuzz_u8(script) % 32, spoil = fuzz_u8(script);
    uint32_t size =
        type < LODE_TASK_MSG_END && make[type] != NULL ? make[type](bytes) : make_text(bytes);
    for (int i = 0; i < (spoil & 3); i++) {
        uint16_t at = fuzz_u16(script);
        bytes[at % size] = fuzz_u8(script);
    }
    if (spoil & 4) {
        size = fuzz_u16(script) % size;
    }
    link_brings(type, bytes, size);
}

/* ---- what a worker and a program do ---------------------------------------------------------- */

/* The main thread gives the last item back, and takes the next. */
static void
work_once(void)
{
    if (worker_ended) {
        return;
    }
    item = queue_take(&worker.queue, item, false);
    lode_err err = item == NULL                   ? become_idle(&worker)
                   : item->type == QUEUE_RUN      ? run_task(&worker, item)
                   : item->type == QUEUE_DESCRIBE ? describe(&worker, item)
                                                  : LODE_ECLOSED;
    worker_ended = err != LODE_OK;
}

static void
call(void)
{
    uint8_t shape = fuzz_u8(script);
    const lode_call_options options = {.struct_size = sizeof options,
                                       .num_cpus = shape & 4 ? 3 : 0,
                                       .timeout_ms = shape & 8 ? 50 : 0,
                                       .results_room = shape & 16 ? 3 : 0};
    lode_id results[8];
    const lode_args args = LODE_ARGS(lode_ref(pristine[shape % OBJECTS].id), lode_str("x"));
    size_t count;
    if (lode_result_count(db, shape & 1 ? "a.b" : "c.d", &count) == LODE_OK && count <= 8) {
        (void)!lode_call(db, shape & 1 ? "a.b" : "c.d", args, &options, shape & 2 ? NULL : results);
    }
}

static void
ask(void)
{
    uint8_t what = fuzz_u8(script);
    lode_scheduler_stats stats;
    lode_view view;
    uint64_t at = what;
    char *text;
    switch (what % 5) {
    case 0:
        (void)!lode_get_scheduler_stats(db, &stats);
        break;
    case 1:
        (void)!lode_load(db, "/");
        break;
    case 2:
        (void)!lode_cancel(db, lode_id_make(LODE_ID_RESULT, SESSION, what >> 2), what >> 4);
        break;
    case 3:
        if (lode_tasks_list(db, &at, &text) == LODE_OK) {
            fuzz_expect(strlen(text) <= RECORD);
            free(text);
        }
        break;
    default:
        if (lode_get(db, lode_id_make(LODE_ID_RESULT, SESSION, what >> 2), 2000, &view) ==
            LODE_OK) {
            check_view(db, &view);
            lode_release(&view);
        }
    }
}

static void
run(struct fuzz_input *input)
{
    switch (fuzz_u8(input) % 4) {
    case 0:
        next_record();
        break;
    case 1:
        if (is_worker) {
            work_once();
        } else {
            ask();
        }
        break;
    case 2:
        call();
        break;
    default:
        link_brings(fuzz_u8(input) % 32, input->at, input->left < RECORD ? input->left : RECORD);
    }
}

/* ---- an input -------------------------------------------------------------------------------- */

static void
worker_is_down(void *arg)
{
    (void)arg;
}

static lode_err
begin_worker(void)
{
    const struct lode_tasks_worker role = {.worker = 1,
                                           .arg = &worker,
                                           .record = worker_record,
                                           .records_end = worker_records_end,
                                           .down = worker_is_down};
    memset(page, 0, sizeof page);
    fuzz_expect(worker_init(&worker, db, (void *)page) == LODE_OK);
    program_init(&worker);
    return lode_tasks_connect_worker(db, &role, &worker.tasks);
}

/* Runs what it was given. Each task is given back then, unless the worker would end now. */
static void
end_worker(bool connected)
{
    for (int i = 0; connected && i < 10000 && !worker_ended && !queue_is_empty(&worker.queue);
         i++) {
        work_once();
    }
    for (int i = 0; connected && !worker_ended && i < NAMES_OF_TASKS; i++) {
        fuzz_expect(given[i] == 0);
    }
    while (item != NULL) {
        item = queue_take(&worker.queue, item, false);
    }
    lode_task_abandon(&worker.task); /* one at which the worker broke */
    (void)!held_end(&worker.held, db);
    worker_fini(&worker);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    struct lode_tasks *tasks;
    orders_begin(&input);
    other_receive = receive_welcome;
    worker_ended = false;
    is_worker = fuzz_u8(&input) & 1;
    db = store_attach(is_worker ? LODE_HELLO_MAKER : 0);
    if (db != NULL) {
        bool connected = (is_worker ? begin_worker() : lode_tasks_of(db, &tasks)) == LODE_OK;
        while (connected && input.left > 0) {
            run(&input);
        }
        if (is_worker) {
            end_worker(connected);
        } else {
            lode_close(db);
        }
    }
    fuzz_expect(!the_link.is_open);
    store_end();
    return 0;
}

enum { BRING, ACT, CALL, RAW };
enum { WELL = 0, ERROR = 8, NOTHING = 11, MEANWHILE = 11 | 0x10 };

void
fuzz_seeds(fuzz_seed_fn seed, void *arg)
{
    struct fuzz_text text = {.size = 0};
    /*
     * A worker is told of a function, runs a task with arguments of each kind, and one is recalled.
     */
    fuzz_say(&text, 1, WELL, 0, BRING, LODE_TASK_FUNCTION, 0, 1, 2, BRING, LODE_TASK_RUN, 0, 5, 1,
             2, 4, LODE_ARG_REF, INLINE, LODE_ARG_I64, 3, LODE_ARG_STR, 6, LODE_ARG_BYTES, 9, ACT,
             2, 0, 1);
    fuzz_say(&text, BRING, LODE_TASK_RUN, 0, 6, 1, 2, 0, BRING, LODE_TASK_RUN, 0, 7, 1, 2, 0, BRING,
             LODE_TASK_RECALL, 0, 1, 6, ACT, 14, 1, 2, WELL, WELL, ACT);
    seed(arg, text.bytes, text.size);
    /* Arguments that are missing, failed, or none; a task that fails; a library is described. */
    text.size = 0;
    fuzz_say(&text, 1, WELL, 0, BRING, LODE_TASK_FUNCTION, 0, 2, 1, BRING, LODE_TASK_RUN, 0, 9, 2,
             1, 1, LODE_ARG_REF, 128, ACT, WELL, 2, BRING, LODE_TASK_RUN, 0, 10, 2, 1, 1,
             LODE_ARG_REF, FAILED, ACT, BRING, LODE_TASK_RUN, 0, 11, 2, 1, 0, ACT, 16, BRING,
             LODE_TASK_RUN, 1, 12, 2, 1, 1, 7, 9, 0, 0, 9, ACT, BRING, LODE_TASK_DESCRIBE, 0, 20, 1,
             0, 0, 0, 0, 0, 0, 0, '/', 'x', 0, ACT);
    seed(arg, text.bytes, text.size);
    /* A program calls, asks, prints lines, and hears of ends. */
    text.size = 0;
    fuzz_say(&text, 0, WELL, 0, CALL, 1, LODE_TASK_RESOLVED, 0, 0, 2, CALL, 3, LODE_TASK_OUTPUT, 0,
             0, 3, 9, 1, BRING, LODE_TASK_OUTPUT, 0, 1, 200, 100, 2, BRING, LODE_TASK_ENDED, 0, 2,
             1, 2, ACT, 0, LODE_TASK_STATS_ARE, 0, 0, 0, ACT, 1, LODE_TASK_LOADED, 0, 0, 0, ACT, 2,
             ACT, 3, WELL, 2);
    seed(arg, text.bytes, text.size);
    /*
     * Tasks that wait: for a result, and for room. One is told to give up, one is cancelled, one is
     * over its time, one is cancelled before it begins. The next is of another program.
     */
    text.size = 0;
    fuzz_say(&text, 1, WELL, 0, BRING, LODE_TASK_FUNCTION, 0, 1, 1, BRING, LODE_TASK_RUN, 0, 16, 1,
             1, 0, ACT, 64, WELL, LODE_FOUND_PENDING, MEANWHILE, LODE_TASK_GIVE_UP, 0, 0, WELL,
             LODE_FOUND_PENDING);
    fuzz_say(&text, BRING, LODE_TASK_RUN, 0, 17, 1, 1, 0, ACT, 64, WELL, LODE_FOUND_PENDING,
             MEANWHILE, LODE_TASK_STOP_TASK, 0, 17, 0, WELL, LODE_FOUND_PENDING);
    fuzz_say(&text, BRING, LODE_TASK_RUN, 0, 18, 1, 1, 0, ACT, 128, MEANWHILE, LODE_TASK_STOP_TASK,
             0, 18, 1, NOTHING, ERROR, LODE_EFULL, 10);
    fuzz_say(&text, BRING, LODE_TASK_RUN, 0, 19, 1, 1, 0, BRING, LODE_TASK_STOP_TASK, 0, 19, 0,
             BRING, LODE_TASK_FORGET, 0, 1, ACT, BRING, LODE_TASK_RUN, 0, 20, 1, 1, 0, ACT, 0,
             BRING, LODE_TASK_RUN, 0, 12, 1, 1, 0, ACT);
    seed(arg, text.bytes, text.size);
    /* A program lists tasks, and forgets what it knows of functions. */
    text.size = 0;
    fuzz_say(&text, 0, WELL, 0, ACT, 3, LODE_TASK_LISTED, 0, 0, 2, CALL, 3, LODE_TASK_RESOLVED, 0,
             0, 2, BRING, LODE_TASK_FORGET, 0, 0, CALL, 3 | 8 | 16, LODE_TASK_RESOLVED, 0, 0, 4,
             BRING, LODE_TASK_FORGET, 0, 1, CALL, 3 | 16, LODE_TASK_RESOLVED, 0, 0, 4);
    seed(arg, text.bytes, text.size);
    text.size = 0;
    fuzz_say(&text, 0, WELL, 5, 8, 1, 2, 3, 4, 5, 6, 7, 8);
    seed(arg, text.bytes, text.size);
}
