#include "scheduler/core/workers/printed.h"

#include "scheduler/core/state/actions.h"
#include "scheduler/core/state/sessions.h"
#include "scheduler/core/state/tasks.h"
#include "scheduler/core/state/workers.h"

#include <stdlib.h>

enum {
    TEXT_BYTES = 2 * LODE_OUTPUT_LINE_MAX, /* of lines in one record */
    PARTS_MAX = 16,                        /* lines without end that are kept for one worker */
    LOG_LINE_MAX = 400                     /* bytes of a line that nobody but the log hears of */
};

/* Lines of one task, on their way into a record. */
struct sheet {
    struct core *core;
    struct core_session *audience; /* NULL: the program is gone, or there was none */
    bool of_program;               /* false: no program is behind it, only the log hears of it */
    int64_t pid;
    const char *name;
    uint32_t size; /* of core->text */
    char room[LODE_TASK_NAME_MAX + 1];
};

/* ---- who has said it, and who hears it ------------------------------------------------------- */

static struct core_session *
root_of(struct core *core, uint64_t program)
{
    struct core_session *root = core_session_find(core, program);
    return root != NULL && !root->ended && !root->is_worker ? root : NULL;
}

/* A worker says of which program a pipe is, and it may say anything. */
static bool
has_served(const struct core_worker *worker, uint64_t program)
{
    for (uint32_t i = 0; i < CORE_SERVED_KEPT && i < worker->served_count; i++) {
        if (worker->served[i] == program) {
            return true;
        }
    }
    return false;
}

/* The one that asked for the library which the worker opens, or whose task did. */
static void
address_to_loader(struct sheet *sheet, const struct core_load *load)
{
    const char *slash = strrchr(load->source, '/');
    const struct core_request *request = load->requests;
    sheet->name = slash != NULL ? slash + 1 : load->source;
    if (request != NULL) {
        struct core_session *program = root_of(sheet->core, request->program);
        sheet->audience = program != NULL ? program : root_of(sheet->core, request->session);
    }
}

/* Nobody is named: the program's task that runs there now, or did last, or what a task has left. */
static void
address_to_program(struct sheet *sheet, const struct core_worker *worker, uint64_t program)
{
    bool serves = worker->program != NULL && worker->program->number == program;
    sheet->audience = root_of(sheet->core, program);
    sheet->name = "left by a task";
    if (serves) {
        sheet->name = core_task_name(TAILQ_FIRST(&worker->queue), sheet->room);
    } else if (worker->program == NULL && worker->last_program == program &&
               worker->last_function != NULL) {
        sheet->name = worker->last_name[0] ? worker->last_name : worker->last_function->name;
    }
}

/* The task of that number, if it is in the worker's queue. */
static const struct core_task *
task_of(const struct core *core, const struct core_worker *worker, uint64_t number)
{
    const struct core_task *task = core_task_find(core, number);
    return task != NULL && task->worker == worker ? task : NULL;
}

static void
address(struct sheet *sheet, struct core *core, const struct core_worker *worker,
        struct core_author author)
{
    const struct core_task *task = task_of(core, worker, author.task);
    *sheet = (struct sheet){.core = core, .pid = worker->pid, .name = "worker", .of_program = true};
    if (author.task == LODE_PRINTING_LIBRARY && worker->describing != NULL) {
        address_to_loader(sheet, worker->describing);
    } else if (task != NULL) {
        sheet->name = core_task_name(task, sheet->room);
        sheet->audience = core_task_audience(task);
    } else if (author.program != 0) {
        address_to_program(sheet, worker, author.program);
    } else {
        sheet->of_program = false;
    }
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void
send_sheet(struct sheet *sheet)
{
    struct core *core = sheet->core;
    uint32_t name_size = (uint32_t)strnlen(sheet->name, LODE_TASK_NAME_MAX);
    struct lode_task_output *output = NULL;
    uint32_t size = (uint32_t)sizeof *output + name_size + sheet->size;
    if (sheet->size == 0) {
        return;
    }
    output = core_send(core, sheet->audience, LODE_TASK_OUTPUT, size);
    if (output == NULL) {
        output = core_emit(core, CORE_SPILL, 0, 0, 0, size);
    }
    *output = (struct lode_task_output){
        .pid = sheet->pid, .name_size = name_size, .text_size = sheet->size};
    memcpy(output + 1, sheet->name, name_size);
    memcpy((char *)(output + 1) + name_size, core->text, sheet->size);
    sheet->size = 0;
}

static void
add_line(void *arg, const char *line, uint32_t size)
{
    struct sheet *sheet = arg;
    struct core *core = sheet->core;
    if (!sheet->of_program) {
        core_log(core, "WORKER-OUTPUT", "(%s pid=%lld) %.*s", sheet->name, (long long)sheet->pid,
                 (int)(size < LOG_LINE_MAX ? size : LOG_LINE_MAX), line);
        return;
    }
    if (core->text == NULL) {
        core->text = core_alloc(TEXT_BYTES);
    }
    if (sheet->size + size + 1 > TEXT_BYTES) {
        send_sheet(sheet);
    }
    memcpy(core->text + sheet->size, line, size);
    core->text[sheet->size + size] = '\n';
    sheet->size += size + 1;
}

/* ---- parts of lines -------------------------------------------------------------------------- */

static struct core_part **
find_part(struct core_worker *worker, struct core_author author)
{
    struct core_part **place = &worker->parts;
    while (*place != NULL &&
           ((*place)->author.task != author.task || (*place)->author.program != author.program)) {
        place = &(*place)->next;
    }
    return place;
}

static void
end_part(struct core *core, struct core_worker *worker, struct core_part **place)
{
    struct core_part *part = *place;
    struct sheet sheet;
    address(&sheet, core, worker, part->author);
    output_end(&part->output, add_line, &sheet);
    send_sheet(&sheet);
    *place = part->next;
    worker->part_count--;
    free(part);
}

/* A worker that names ever new tasks has the oldest lines ended: so its memory is bounded. */
static void
keep_part(struct core *core, struct core_worker *worker, struct core_author author,
          struct output output)
{
    struct core_part *part = core_alloc(sizeof *part);
    if (worker->part_count >= PARTS_MAX) {
        struct core_part **oldest = &worker->parts;
        while ((*oldest)->next != NULL) {
            oldest = &(*oldest)->next;
        }
        end_part(core, worker, oldest);
    }
    *part = (struct core_part){.next = worker->parts, .author = author, .output = output};
    worker->parts = part;
    worker->part_count++;
}

static void
take(struct core *core, struct core_worker *worker, struct core_author author, const char *bytes,
     uint32_t size)
{
    struct core_part *part = *find_part(worker, author);
    struct output whole = {0};
    struct sheet sheet;
    address(&sheet, core, worker, author);
    output_take(part != NULL ? &part->output : &whole, bytes, size, add_line, &sheet);
    send_sheet(&sheet);
    if (whole.size > 0) {
        keep_part(core, worker, author, whole);
    } else {
        free(whole.line);
    }
}

void
core_printed(struct core *core, struct core_worker *worker, uint64_t task, const char *bytes,
             uint32_t size)
{
    bool is_ours = task == LODE_PRINTING_LIBRARY || task_of(core, worker, task) != NULL;
    take(core, worker, (struct core_author){.task = is_ours ? task : 0}, bytes, size);
}

/* From a process that has left its worker's pipe behind: each piece is taken for whole lines. */
static void
printed_late(struct core *core, const struct core_worker *worker, const struct core_event *event)
{
    struct output output = {0};
    uint64_t program = event->u.output.program;
    struct sheet sheet = {.core = core,
                          .audience = has_served(worker, program) ? root_of(core, program) : NULL,
                          .of_program = true,
                          .pid = worker->pid,
                          .name = "left by a task"};
    output_take(&output, event->u.output.bytes, event->u.output.size, add_line, &sheet);
    output_end(&output, add_line, &sheet);
    send_sheet(&sheet);
}

/* The record itself may have come, or come yet: the worker's link is read by other threads. */
static void
printed_before_death(struct core *core, struct core_worker *worker, const struct core_event *event)
{
    uint64_t record = event->u.output.record;
    if (record > worker->printed && record > worker->taken) {
        worker->taken = record;
        core_printed(core, worker, event->u.output.task, event->u.output.bytes,
                     event->u.output.size);
    }
}

/* Lines of tasks that have ended, although DONE may be on its way still. */
static void
end_others(struct core *core, struct core_worker *worker, uint64_t task)
{
    struct core_part **place = &worker->parts;
    while (*place != NULL) {
        if ((*place)->author.task != 0 && (*place)->author.task != task) {
            end_part(core, worker, place);
        } else {
            place = &(*place)->next;
        }
    }
}

/*
 * The worker may have changed over to another program since, whose task the page names now. The
 * pipe says whose bytes they are.
 */
void
core_output(struct core *core, const struct core_event *event)
{
    struct core_worker *worker = core_worker_find(core, event->u.output.worker);
    if (worker == NULL) {
        return;
    }
    if (event->u.output.late) {
        printed_late(core, worker, event);
        return;
    }
    if (event->u.output.ends_others) {
        end_others(core, worker, event->u.output.task);
        return;
    }
    if (event->u.output.record > 0) {
        printed_before_death(core, worker, event);
        return;
    }
    struct core_author author = {.task = event->u.output.task};
    const struct core_task *task = task_of(core, worker, author.task);
    const struct core_program *program = task != NULL ? core_task_program(task) : NULL;
    bool is_library = author.task == LODE_PRINTING_LIBRARY && event->u.output.program == 0;
    if (!is_library && (program == NULL || program->number != event->u.output.program)) {
        uint64_t of = event->u.output.program;
        author = (struct core_author){.program = has_served(worker, of) ? of : 0};
    }
    take(core, worker, author, event->u.output.bytes, event->u.output.size);
}

void
core_printed_end(struct core *core, struct core_worker *worker, uint64_t task)
{
    struct core_part **place = find_part(worker, (struct core_author){.task = task});
    if (*place != NULL) {
        end_part(core, worker, place);
    }
}

void
core_printed_end_all(struct core *core, struct core_worker *worker)
{
    while (worker->parts != NULL) {
        end_part(core, worker, &worker->parts);
    }
}
