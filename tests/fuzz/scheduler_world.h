/*
 * scheduler_world.h: the scheduler without its threads: loop, drive and core, the rendezvous and
 * the worker table; peers are sockets of this process. Links have no pipes: what a peer would write
 * into one is handed over by the input. The store answers that it is gone, the copier that there is
 * no file.
 */
#ifndef TESTS_FUZZ_SCHEDULER_WORLD_H
#define TESTS_FUZZ_SCHEDULER_WORLD_H

/* What the world must see of these is theirs alone. */
#include "scheduler/drive/drive.c"
#include "scheduler/pool/workers.c"
#include "scheduler/sessions/sessions.c"
#include "scheduler/core/check.h"
#include "tests/fuzz/fuzz.h"

#include <signal.h>
#include <sys/stat.h>

FUZZ_QUIET

enum { PEERS = 8, LINKS = 64, QUESTIONS = 256 };

struct lode_link {
    struct lode_link_events events;
    uint32_t index;
    bool broken;
    bool is_locked; /* nothing else is done with it meanwhile */
};

static struct loop loop;
static struct drive *drive;
static struct sessions *sessions;
static struct workers *workers;
static struct lode_link *links[LINKS]; /* of sessions that live */
static int peers[PEERS];               /* connections to the rendezvous; -1: none */
static int supervisor_fd;              /* the supervisor's end */
static bool supervisor_is_lost;
static uint64_t questions[QUESTIONS]; /* cookies of SETTLE and RESULTS */
static int question_count;
static char world_dir[32], world_path[64];
static int world_listener = -1;

/* ---- links without pipes ------------------------------------------------------------------ */

lode_err
lode_link_listen(const char *path, const struct lode_link_events *events,
                 struct lode_link **link_out)
{
    struct lode_link *link = calloc(1, sizeof *link);
    fuzz_expect(link != NULL && path[0] == '/');
    link->events = *events;
    for (link->index = 0; link->index < LINKS && links[link->index] != NULL; link->index++) {
    }
    if (link->index == LINKS) {
        free(link);
        return lode_fail_with(LODE_ESYS, "no more links");
    }
    links[link->index] = link;
    *link_out = link;
    return LODE_OK;
}

lode_err
lode_link_dial(const char *path, const struct lode_link_events *events, struct lode_link **link_out)
{
    return lode_link_listen(path, events, link_out);
}

lode_err
lode_link_send(struct lode_link *link, uint16_t type, const void *head, uint32_t head_size,
               const void *rest, uint32_t rest_size, bool hold)
{
    uint8_t sum = 0;
    (void)hold;
    fuzz_expect(!link->is_locked && type > 0 && type < LODE_TASK_MSG_END);
    fuzz_expect(head_size <= LODE_TASK_RECORD_MAX && rest_size <= LODE_TASK_RECORD_MAX - head_size);
    for (uint32_t i = 0; i < head_size; i++) {
        sum ^= ((const uint8_t *)head)[i];
    }
    for (uint32_t i = 0; i < rest_size; i++) {
        sum ^= ((const uint8_t *)rest)[i];
    }
    link->broken |= sum == 0xff && type == LODE_TASK_ENDED;
    return link->broken ? lode_fail_with(LODE_ECLOSED, "the link is closed") : LODE_OK;
}

void
lode_link_lock(struct lode_link *link)
{
    fuzz_expect(!link->is_locked);
    link->is_locked = true;
}

void
lode_link_unlock(struct lode_link *link)
{
    fuzz_expect(link->is_locked);
    link->is_locked = false;
}

lode_err
lode_link_append_locked(struct lode_link *link, uint16_t type, const void *head, uint32_t head_size,
                        const void *rest, uint32_t rest_size)
{
    lode_link_unlock(link);
    lode_err err = lode_link_send(link, type, head, head_size, rest, rest_size, true);
    lode_link_lock(link);
    return err;
}

void
lode_link_flush(struct lode_link *link)
{
    fuzz_expect(!link->is_locked);
}

lode_err
lode_link_drain(struct lode_link *link, int64_t timeout_ms)
{
    (void)link, (void)timeout_ms;
    return LODE_OK;
}

void
lode_link_close(struct lode_link *link)
{
    links[link->index] = NULL;
    free(link);
}

void
lode_link_reap(struct lode_link *link, void (*done)(void *arg), void *arg)
{
    lode_link_close(link);
    if (done != NULL) {
        done(arg);
    }
}

void
lode_link_count(struct lode_link *link, struct lode_link_counters *counters_out)
{
    (void)link;
    *counters_out = (struct lode_link_counters){0};
}

/* ---- the daemon --------------------------------------------------------------------------- */

static struct drive_session *
world_find_session(void *arg, uint64_t number)
{
    (void)arg;
    return sessions_find_locked(sessions, number);
}

static uint64_t
world_count_repeats(void *arg)
{
    (void)arg;
    return sessions_repeats_locked(sessions);
}

static void
world_store_action(void *arg, const struct core_action *action)
{
    (void)arg;
    if ((action->type == CORE_SETTLE || action->type == CORE_RESULTS) &&
        question_count < QUESTIONS) {
        questions[question_count++] = action->cookie;
    }
}

static void
world_arm_timer(void *arg, int64_t deadline_ns)
{
    (void)arg, (void)deadline_ns;
}

static void
world_wake(void *arg)
{
    (void)arg;
}

static void
world_lost(void *arg)
{
    (void)arg;
    supervisor_is_lost = true;
}

static bool
world_take_pipe(void *arg, uint32_t worker, int64_t pid, uint64_t program, int fd)
{
    (void)arg;
    return workers_take_pipe(workers, worker, pid, program, fd);
}

static void
run_errand(const struct core_action *action)
{
    struct core_event event = {.type = CORE_ERROR_DONE, .u.cookie = action->cookie};
    switch (action->type) {
    case CORE_CUT:
        sessions_cut(sessions, action->target);
        break;
    case CORE_SPAWN:
        workers_spawn(workers, (uint32_t)action->target);
        break;
    case CORE_KILL:
        workers_kill(workers, (uint32_t)action->target, (int)action->value);
        break;
    case CORE_PUT_ERROR:
    case CORE_REPORT:
        drive_step(drive, &event);
        break;
    case CORE_COPY_LIBRARY:
        event.type = CORE_LIBRARY_COPIED;
        event.u.copied.cookie = action->cookie;
        event.u.copied.err = LODE_ELIBRARY;
        event.u.copied.text = "no such file";
        drive_step(drive, &event);
        break;
    case ERRAND_RECORD_AFTER_OUTPUT:
        if (!workers_read_output(workers) && workers_read_again(workers, action)) {
            break;
        }
        event.type = CORE_RECORD;
        event.u.record.session = action->target;
        event.u.record.type = action->message;
        event.u.record.bytes = core_action_bytes(action);
        event.u.record.size = action->size;
        drive_step(drive, &event);
        break;
    default:
        break;
    }
}

static bool
run_errands(void)
{
    struct errand_list list;
    struct errand *errand;
    drive_take_errands(drive, &list);
    bool any = !STAILQ_EMPTY(&list) || question_count > 0;
    while ((errand = STAILQ_FIRST(&list)) != NULL) {
        STAILQ_REMOVE_HEAD(&list, entry);
        run_errand(&errand->action);
        free(errand);
    }
    while (question_count > 0) {
        struct core_event event = {.type = CORE_SETTLED,
                                   .u.settled = {.cookie = questions[--question_count]}};
        drive_step(drive, &event);
    }
    return any;
}

static void
world_settle(void)
{
    for (int rounds = 0; rounds < 1000; rounds++) {
        struct epoll_event event;
        bool any = run_errands();
        if (epoll_wait(loop.epoll_fd, &event, 1, 0) == 1 && !supervisor_is_lost) {
            struct loop_source *source = event.data.ptr;
            source->ready(source, event.events);
        } else if (!any) {
            core_check(drive->core);
            return;
        }
    }
    fuzz_expect(!"the scheduler goes on for ever");
}

/* ---- beginning and end -------------------------------------------------------------------- */

static void
world_remove(void)
{
    unlink(world_path);
    rmdir(world_dir);
}

static void
listen_once(void)
{
    snprintf(world_dir, sizeof world_dir, "/dev/shm/lt-%d", (int)getpid());
    snprintf(world_path, sizeof world_path, "%s/sock", world_dir);
    fuzz_expect(mkdir(world_dir, 0700) == 0);
    fuzz_expect(lode_socket_listen(world_path, &world_listener) == LODE_OK);
    signal(SIGPIPE, SIG_IGN); /* a worker may write when nobody reads any more */
    atexit(world_remove);
}

static void
world_begin(void)
{
    const struct drive_hooks hooks = {
        NULL,       world_find_session, world_count_repeats, world_store_action, world_arm_timer,
        world_wake, "/nowhere"};
    const struct core_options options = {.cpus = 2 * LODE_CPU_UNIT, .worker_max = 6};
    int pair[2];
    if (world_listener < 0) {
        listen_once();
    }
    supervisor_is_lost = false;
    question_count = 0;
    for (int i = 0; i < PEERS; i++) {
        peers[i] = -1;
    }
    fuzz_expect(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    supervisor_fd = pair[0];
    fuzz_expect(loop_init(&loop) == LODE_OK);
    fuzz_expect(drive_create(&options, &hooks, &drive) == LODE_OK);
    fuzz_expect(sessions_open("/d", dup(world_listener), &loop, &sessions) == LODE_OK);
    fuzz_expect(workers_open(pair[1], &loop, drive, world_lost, NULL, &workers) == LODE_OK);
    sessions_on_pipe(sessions, world_take_pipe, NULL);
    fuzz_expect(sessions_serve(sessions, drive) == LODE_OK);
    drive_lock(drive); /* its first actions: workers are to be started */
    drive_unlock(drive);
    world_settle();
}

static void
world_end(void)
{
    struct letter *letter;
    for (int i = 0; i < PEERS; i++) {
        if (peers[i] >= 0) {
            close(peers[i]);
        }
    }
    world_settle();
    if (!supervisor_is_lost) {
        fuzz_expect(sessions->by_number == NULL && TAILQ_EMPTY(&sessions->visitors));
    }
    while (!TAILQ_EMPTY(&sessions->visitors)) {
        forget_visitor(TAILQ_FIRST(&sessions->visitors), true);
    }
    while (sessions->by_number != NULL) {
        end_session(sessions->by_number);
    }
    while (workers->by_number != NULL) { /* the daemon keeps them to its end */
        forget_worker(workers->by_number);
    }
    while ((letter = STAILQ_FIRST(&workers->letters)) != NULL) {
        STAILQ_REMOVE_HEAD(&workers->letters, entry);
        close(letter->fd);
        free(letter);
    }
    loop_close(&loop, &workers->socket);
    pipes_close(workers->pipes);
    free(workers);
    loop_close(&loop, &sessions->listener);
    close(sessions->spare_fd);
    free(sessions);
    drive_destroy(drive);
    close(loop.epoll_fd);
    close(supervisor_fd);
    for (int i = 0; i < LINKS; i++) {
        fuzz_expect(links[i] == NULL);
    }
}

/* ---- peers -------------------------------------------------------------------------------- */

static void
peer_connect(int peer)
{
    if (peers[peer] < 0) {
        fuzz_expect(lode_socket_connect(world_path, &peers[peer]) == LODE_OK);
    }
}

static void
peer_send(int peer, const void *packet, size_t size)
{
    if (peers[peer] >= 0) {
        (void)!send(peers[peer], packet, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void
peer_close(int peer)
{
    if (peers[peer] >= 0) {
        close(peers[peer]);
        peers[peer] = -1;
    }
}

/*
 * A hello that keeps the rules, as far as the shape goes. `task` is the one that has started the
 * process, as the process says.
 */
static void
peer_hello(int peer, uint32_t role, uint32_t worker, uint64_t store_session, uint64_t task)
{
    struct lode_rendezvous_hello hello = {.magic = LODE_RENDEZVOUS_MAGIC,
                                          .major = LODE_RENDEZVOUS_MAJOR,
                                          .role = role,
                                          .worker = worker,
                                          .store_session = store_session,
                                          .task = task};
    peer_send(peer, &hello, sizeof hello);
}

/*
 * A worker's new pipe, or what it sends as such. Returns the end that the worker keeps.
 *
 *   what  & 3: how many descriptors come with it; & 4: not that of a pipe; & 8: the packet is cut
 */
static int
peer_pipe(int peer, uint64_t program, uint8_t what)
{
    const struct lode_rendezvous_pipe packet = {.magic = LODE_RENDEZVOUS_MAGIC, .program = program};
    int ends[2], fds[3];
    fuzz_expect(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    for (int i = 0; i < 3; i++) {
        fds[i] = ends[what >> 2 & 1];
    }
    if (peers[peer] >= 0) {
        (void)!lode_socket_send(peers[peer], &packet, sizeof packet - (what & 8), NULL, 0, fds,
                                what & 3);
    }
    close(ends[0]);
    return ends[1];
}

/* What comes out of the pipe of one of the links. */
static void
link_brings(uint8_t which, uint16_t type, const void *bytes, uint32_t size)
{
    struct lode_link *link = links[which % LINKS];
    if (link != NULL && !link->broken) {
        uint8_t *copy = fuzz_copy(bytes, size);
        (void)!link->events.record(link->events.arg, type, copy, size);
        link->events.batch_end(link->events.arg);
        free(copy);
    }
}

#endif
