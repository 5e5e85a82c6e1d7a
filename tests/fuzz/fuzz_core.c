/*
 * What programs and workers say to the scheduler's core, and what its own daemon tells it, in any
 * order. Records are hostile. The daemon keeps its promises: it answers only what was asked, once.
 *
 * ctest: replay 20000
 */
#include "tests/fuzz/core_daemon.h"
#include "tests/fuzz/core_seeds.h"

enum { WORKER_PID = 5000 }; /* of number 0; the others follow */

/* ---- events -------------------------------------------------------------------------------- */

/*
 * Numbers of sessions at the store are few, so that they meet; 0 too. A program may be inside of a
 * worker, and of a task there; or its process is the worker's own.
 */
static void
open_session(struct fuzz_input *input, uint32_t role)
{
    uint8_t what = fuzz_u8(input), at = what % SESSIONS, store = fuzz_u8(input) % 32;
    if (open_sessions[at] != 0) {
        return;
    }
    uint32_t worker = fuzz_u8(input) % WORKERS;
    open_sessions[at] = ++last_session;
    submissions[at] = 0;
    struct core_event event = {.type = CORE_SESSION_OPEN,
                               .u.open = {.session = last_session,
                                          .store_session = store,
                                          .pid = what & 0x80 ? WORKER_PID + worker : 77,
                                          .role = role,
                                          .worker = what & 0x40 ? 0 : worker}};
    if (what & 0x20) {
        event.u.open.task = tasks[fuzz_u8(input) % TASKS];
    }
    step(&event);
}

static void
end_session(uint8_t at)
{
    struct core_event event = {.type = CORE_SESSION_END, .u.session = open_sessions[at]};
    open_sessions[at] = 0;
    if (event.u.session != 0) {
        step(&event);
    }
}

static void
say(uint8_t at, uint16_t type, const void *bytes, uint32_t size)
{
    uint8_t *copy = fuzz_copy(bytes, size);
    struct core_event event = {
        .type = CORE_RECORD,
        .u.record = {
            .session = open_sessions[at % SESSIONS], .type = type, .bytes = copy, .size = size}};
    if (event.u.record.session != 0) {
        step(&event);
    }
    free(copy);
}

static void
say_anything(struct fuzz_input *input)
{
    uint8_t bytes[RECORD], at = fuzz_u8(input), type = fuzz_u8(input) % (LODE_TASK_MSG_END + 1);
    uint16_t size = fuzz_u16(input) % sizeof bytes;
    fuzz_bytes(input, bytes, size);
    say(at, type, bytes, size);
}

/* Bytes that others have chosen: any, but no zero. */
static void
add_text(struct fuzz_input *input, uint8_t *out, size_t size)
{
    fuzz_bytes(input, out, size);
    for (size_t i = 0; i < size; i++) {
        out[i] = out[i] == 0 ? '\\' : out[i];
    }
}

/* Ids of results of few sessions and few counters, so that tasks depend on each other. */
static lode_id
pick_id(struct fuzz_input *input)
{
    uint8_t pick = fuzz_u8(input);
    return lode_id_make(pick & 0x80 ? LODE_ID_PUT : LODE_ID_RESULT, pick >> 4 & 7, pick & 15);
}

/* A name and a time limit, of those that have them. */
static void
say_submit(struct fuzz_input *input)
{
    uint8_t bytes[RECORD] = {0}, at = fuzz_u8(input) % SESSIONS, shape = fuzz_u8(input), more;
    struct lode_task_submit submit = {.submission = submissions[at] + 1,
                                      .results = pick_id(input),
                                      .function = fuzz_u8(input) % 6,
                                      .result_count = 1 + (shape & 3),
                                      .cpus = (shape >> 2 & 3) * LODE_CPU_UNIT / 2,
                                      .max_retries = shape >> 4 & 3,
                                      .flags = shape >> 6 & 1};
    size_t size = sizeof submit;
    more = fuzz_u8(input);
    submit.arg_count = more % 32 % 5;
    submit.timeout_ms = more & 0x20 ? fuzz_u16(input) : 0;
    if (more & 0x40) {
        submit.name_size = 1 + fuzz_u8(input) % LODE_TASK_NAME_MAX;
        add_text(input, bytes + size, submit.name_size);
        size += (submit.name_size + 7u) & ~7u;
    }
    if (shape & 0x80) {
        submit.parent = tasks[fuzz_u8(input) % TASKS];
        submit.submission += (uint64_t)(int64_t)(int8_t)fuzz_u8(input);
    }
    for (int i = 0; i < submit.arg_count; i++) {
        struct lode_task_arg arg = {.kind = LODE_ARG_REF, .ready = fuzz_u8(input) & 1, .size = 16};
        lode_id id = pick_id(input);
        memcpy(bytes + size, &arg, sizeof arg);
        memcpy(bytes + size + sizeof arg, &id, sizeof id);
        size += sizeof arg + sizeof id;
    }
    memcpy(bytes, &submit, sizeof submit);
    submissions[at] = submit.submission;
    say(at, LODE_TASK_SUBMIT, bytes, (uint32_t)size);
}

/* An error object of the task, or what looks like one. */
static size_t
write_error(struct fuzz_input *input, const struct lode_task_done *done, uint8_t *out)
{
    char function[UINT8_MAX + 1] = "", message[UINT8_MAX + 1] = "";
    struct lode_error_parts parts = {
        .head = {.code = (int32_t)done->err, .task_code = fuzz_u8(input), .task = done->task},
        .function = function,
        .message = message};
    add_text(input, (uint8_t *)function, fuzz_u8(input));
    add_text(input, (uint8_t *)message, fuzz_u8(input));
    size_t size = lode_error_object_write(&parts, out, LODE_TASK_ERROR_MAX);
    uint8_t damage = fuzz_u8(input);
    if (damage & 0x80) {
        out[fuzz_u16(input) % size] = damage;
    }
    return damage & 0x40 ? size - (damage & 0x3f) : size;
}

/* What became of a task, and of one that failed why. */
static void
say_done(struct fuzz_input *input, uint8_t at, uint8_t what, struct lode_task_done done)
{
    uint8_t bytes[sizeof done + LODE_TASK_ERROR_MAX];
    done.status = what % 5;
    done.err = done.status == LODE_DONE_OK ? LODE_OK : what & 8 ? LODE_ECANCELLED : LODE_ETASK;
    memcpy(bytes, &done, sizeof done);
    size_t size = 0;
    if (done.status == LODE_DONE_UNSTORED && (what & 16) == 0) {
        size = write_error(input, &done, bytes + sizeof done);
    } else if (what & 4) {
        size = fuzz_u8(input) * (what & 1 ? 4u : 1u);
        add_text(input, bytes + sizeof done, size);
    }
    say(at, LODE_TASK_DONE, bytes, (uint32_t)(sizeof done + size));
}

static void
say_of_task(struct fuzz_input *input)
{
    uint8_t at = fuzz_u8(input), what = fuzz_u8(input);
    uint64_t task = tasks[fuzz_u8(input) % TASKS];
    struct lode_task_done done = {.task = task, .run_ns = fuzz_u16(input) * UINT64_C(1000)};
    struct lode_task_worker worker = {.task = task, .call = what >> 3, .flags = what >> 7};
    struct lode_task_cancel cancel = {.result = pick_id(input), .flags = what >> 3};
    struct {
        struct lode_task_recall head;
        uint64_t task[2];
    } recall = {{1, 0}, {task, tasks[0]}};
    switch (what & 7) {
    case 0:
    case 1:
        say_done(input, at, what >> 3, done);
        break;
    case 2:
        say(at, LODE_TASK_READY, &worker, sizeof worker);
        break;
    case 3:
        say(at, LODE_TASK_BLOCKED, &worker, sizeof worker);
        break;
    case 4:
        say(at, LODE_TASK_UNBLOCKED, &worker, sizeof worker);
        break;
    case 5:
        say(at, LODE_TASK_CANCEL, &cancel, sizeof cancel);
        break;
    default:
        recall.head.count = (what >> 3) % 3;
        recall.head.flags = what >> 7; /* LODE_RECALLED_CANNOT */
        say(at, LODE_TASK_RECALLED, &recall, (uint32_t)sizeof recall.head + recall.head.count * 8);
    }
}

/* Libraries a and b in two versions, with functions f and g; or what the input says. */
static void
say_library(struct fuzz_input *input)
{
    uint8_t at = fuzz_u8(input), what = fuzz_u8(input), bytes[256];
    struct lode_task_load load = {.tag = what, .flags = what >> 5};
    struct lode_task_loaded loaded = {.tag = tag, .err = what & 4 ? LODE_ELIBRARY : LODE_OK};
    char names[][8] = {"/a1.so", "/a2.so", "/b.so", "a.f", "b.g", "blas.h", "x", "a."};
    static const uint8_t table[] = "a\0f\0()\0\1\0\0\0g\0\0\0\0\0\0";
    size_t size = sizeof load;
    memcpy(bytes, &load, sizeof load);
    switch (what & 3) {
    case 0:
    case 1:
        memcpy(bytes + size, names[what >> 2 & 7], strlen(names[what >> 2 & 7]));
        size += strlen(names[what >> 2 & 7]);
        say(at, what & 1 ? LODE_TASK_LOAD : LODE_TASK_RESOLVE, bytes, (uint32_t)size);
        break;
    case 2:
        memcpy(bytes, &loaded, sizeof loaded);
        memcpy(bytes + size, table, sizeof table - 1);
        bytes[size] = what & 8 ? 'b' : 'a';
        say(at, LODE_TASK_DESCRIBED, bytes, (uint32_t)(size + sizeof table - 1));
        break;
    default:
        memcpy(bytes, &loaded, sizeof loaded);
        fuzz_bytes(input, bytes + size, what >> 3);
        say(at, LODE_TASK_DESCRIBED, bytes, (uint32_t)(size + (what >> 3)));
    }
}

/* A piece of what a worker writes, or more than a line may have. */
static void
worker_writes(struct fuzz_input *input, uint8_t number, uint8_t what)
{
    static char bytes[3 * LODE_OUTPUT_LINE_MAX];
    memset(bytes, 'x', sizeof bytes);
    bytes[what % 64] = '\n';
    struct core_event event = {
        .type = CORE_OUTPUT,
        .u.output = {.worker = number,
                     .task = what & 8 ? LODE_PRINTING_LIBRARY : tasks[fuzz_u8(input) % TASKS],
                     .program = what & 3,
                     .late = (what & 4) != 0,
                     .record = what & 16 ? what : 0,
                     .ends_others = (what & 32) != 0,
                     .bytes = bytes,
                     .size = fuzz_u8(input)}};
    event.u.output.size *= what & 64 ? sizeof bytes / UINT8_MAX : 1;
    step(&event);
}

static void
worker_event(struct fuzz_input *input)
{
    uint8_t number = fuzz_u8(input) % WORKERS, what = fuzz_u8(input);
    if (workers[number] == WORKER_ASKED) {
        const lode_err err[] = {[5] = LODE_ENOTFOUND, [6] = LODE_ELIMIT, [7] = LODE_ESYS};
        struct core_event event = {
            .type = CORE_SPAWNED,
            .u.spawned = {.worker = number, .pid = WORKER_PID + number, .err = err[what % 8]}};
        workers[number] = event.u.spawned.err ? WORKER_NONE : WORKER_RUNS;
        step(&event);
    } else if (workers[number] == WORKER_RUNS && what < 128) {
        struct lode_worker_page page = {.magic = LODE_WORKER_PAGE_MAGIC};
        for (int i = 0; i < 4; i++) {
            page.begun[i] = tasks[fuzz_u8(input) % TASKS];
        }
        page.started = page.begun[0];
        page.finished = page.begun[1];
        page.crash_set = what & 1;
        page.crash_signal = what;
        page.crash_code = what & 2 ? 1 : 0;
        fuzz_bytes(input, &page.crash_address, sizeof page.crash_address);
        struct core_event event = {.type = CORE_EXITED,
                                   .u.exited = {.worker = number,
                                                .status = what & 4   ? 9
                                                          : what & 8 ? LODE_WORKER_LACKS << 8
                                                                     : what,
                                                .page = &page}};
        workers[number] = WORKER_NONE;
        step(&event);
    } else if (workers[number] == WORKER_RUNS) {
        worker_writes(input, number, what);
    }
}

/* The same, as the worker itself has read it at the end of a task. */
static void
say_printed(struct fuzz_input *input)
{
    uint8_t bytes[sizeof(struct lode_task_printed) + UINT8_MAX], at = fuzz_u8(input);
    uint8_t what = fuzz_u8(input), size = fuzz_u8(input);
    struct lode_task_printed head = {
        .task = what & 64 ? LODE_PRINTING_LIBRARY : tasks[what % TASKS], .size = size};
    head.size += what >> 7; /* more than there is */
    memcpy(bytes, &head, sizeof head);
    fuzz_bytes(input, bytes + sizeof head, size);
    say(at, LODE_TASK_PRINTED, bytes, (uint32_t)sizeof head + size);
}

/* For lode tasks, lode status and lode workers. */
static void
ask(struct fuzz_input *input)
{
    uint8_t at = fuzz_u8(input), what = fuzz_u8(input);
    struct lode_task_stats stats = {.tag = at, .err = what >> 1};
    struct lode_task_list list = {.tag = at, .at = what >> 1};
    if (what & 1) {
        say(at, LODE_TASK_STATS, &stats, sizeof stats);
        return;
    }
    list_at = list.at = what < 0x80 ? list.at : ~list.at;
    say(at, LODE_TASK_LIST, &list, sizeof list);
}

static void
answer_watch(struct fuzz_input *input, int i)
{
    struct lode_msg_ready ready = {.status = 1 + fuzz_u8(input) % 4, .is_error = 0};
    ready.status = ready.status == LODE_FOUND_PENDING ? LODE_FOUND_SEALED : ready.status;
    ready.is_error = ready.status == LODE_FOUND_SEALED && fuzz_u8(input) % 8 == 0;
    ready.id = asked[i]->ids[asked[i]->count - 1];
    struct core_event event = {
        .type = CORE_NOTIFY, .u.notify = {.cookie = asked[i]->cookie, .ready = &ready, .count = 1}};
    if (--asked[i]->count == 0) {
        forget_asked(i);
    }
    step(&event);
}

/* The store, the helpers: one of the questions is answered. */
static void
answer(struct fuzz_input *input)
{
    int i = fuzz_u8(input) % ASKED;
    static uint8_t status[IDS];
    for (int tries = 0; tries < ASKED && asked[i] == NULL; tries++) {
        i = (i + 1) % ASKED;
    }
    if (asked[i] == NULL) {
        return;
    }
    struct core_event event = {.u.cookie = asked[i]->cookie};
    if (asked[i]->type == CORE_WATCH) {
        answer_watch(input, i);
        return;
    }
    if (asked[i]->type == CORE_COPY_LIBRARY) {
        static const char *const path[] = {"/copy/1", "/copy/2", "/copy/3"};
        uint8_t what = fuzz_u8(input);
        event.type = CORE_LIBRARY_COPIED;
        event.u.copied.cookie = asked[i]->cookie;
        event.u.copied.path = path[what % 3];
        event.u.copied.err = what > 200 ? LODE_ELIBRARY : LODE_OK;
        event.u.copied.text = "no such file";
    } else if (asked[i]->type == CORE_SETTLE || asked[i]->type == CORE_RESULTS) {
        event.type = CORE_SETTLED;
        event.u.settled.cookie = asked[i]->cookie;
        event.u.settled.count = fuzz_u8(input) % 8 == 0 ? 0 : asked[i]->count;
        for (uint32_t n = 0; n < event.u.settled.count; n++) {
            status[n] = 1 + fuzz_u8(input) % 4;
        }
        event.u.settled.status = status;
    } else {
        event.type = CORE_ERROR_DONE;
    }
    forget_asked(i);
    step(&event);
}

static void
pass_time(struct fuzz_input *input)
{
    struct core_event event = {.type = CORE_TIMER};
    now_ns += (int64_t)fuzz_u16(input) << (fuzz_u8(input) % 24);
    if (timer_is_set) {
        step(&event);
    }
}

static void
run(struct fuzz_input *input)
{
    switch (fuzz_u8(input) % 14) {
    case 0:
        open_session(input, LODE_ROLE_PROGRAM);
        break;
    case 1:
        open_session(input, LODE_ROLE_WORKER);
        break;
    case 2:
        end_session(fuzz_u8(input) % SESSIONS);
        break;
    case 3:
        say_anything(input);
        break;
    case 4:
        say_library(input);
        break;
    case 5:
    case 6:
        say_submit(input);
        break;
    case 7:
    case 8:
        say_of_task(input);
        break;
    case 9:
        worker_event(input);
        break;
    case 10:
        answer(input);
        break;
    case 11:
        pass_time(input);
        break;
    case 12:
        say_printed(input);
        break;
    default:
        ask(input);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    struct core_options options = {.cpus = 2 * LODE_CPU_UNIT,
                                   .worker_max = 6,
                                   .task_max = 40,
                                   .builtin_name = "blas",
                                   .builtin_path = "/b/liblode-blas.so"};
    const struct core_action *action;
    now_ns = 1000000000;
    last_session = task_count = tag = steps = 0;
    memset(open_sessions, 0, sizeof open_sessions);
    memset(workers, 0, sizeof workers);
    memset(tasks, 0, sizeof tasks);
    timer_is_set = false;
    core = core_create(&options, now_ns);
    while ((action = core_next_action(core)) != NULL) {
        carry_out(action);
    }
    while (input.left > 0) {
        run(&input);
    }
    core_check(core);
    lode_scheduler_stats stats;
    core_get_stats(core, now_ns, &stats);
    for (int i = 0; i < ASKED; i++) {
        forget_asked(i);
    }
    core_destroy(core);
    return 0;
}
