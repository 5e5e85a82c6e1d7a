/*
 * service.h: one of the two daemons (lode-store, lode-scheduler), as its supervisor sees it.
 *
 *   DOWN ──service_start()──▶ STARTING ──its byte on the ready pipe──▶ UP
 *    ▲                          │ service_stop()                        │ service_stop()
 *    │                          ▼                                      ▼
 *    └──service_reaped()────── (told to end: SIGTERM; SIGKILL when its time is up)
 *
 * A daemon that ends unasked may be started again after a back-off of 100 ms. It doubles each time,
 * up to 1 s, or up to 10 s for a daemon that did not even come up. It begins anew once a daemon has
 * been up for 10 s.
 *
 * Not thread-safe; nothing blocks.
 */
#ifndef LODE_TOOLS_SERVICE_H
#define LODE_TOOLS_SERVICE_H

#include "tools/supervisor/spawn.h"

struct service {
    const char *name;  /* "lode-store" */
    pid_t pid;         /* 0: down */
    int ready_fd;      /* -1: its start is over */
    bool ready;        /* up */
    bool told;         /* to end */
    bool lost;         /* the last one ended unasked */
    int status;        /* of the last one, as of waitpid() */
    unsigned failures; /* in a row */
    int64_t ready_ns;  /* since when it is up */
    int64_t start_at;  /* not to be started before */
    int64_t deadline;  /* then it is killed; LODE_NEVER: none */
};

void service_init(struct service *service, const char *name);

/*
 * Starts it as the plan says.
 *
 *   ready_text  SPAWN_NUMBER_SIZE bytes of the plan's argv, where the number of the ready pipe,
 *               which it gets besides, is written
 *
 * Errors  as spawn_program()
 */
LODE_MUST_CHECK lode_err service_start(struct service *service, const struct spawn_plan *plan,
                                       char *ready_text);

/*
 * Reads the ready pipe. True if the daemon came up just now; one that closes it unready is killed.
 */
bool service_read_ready(struct service *service);

/* Tells it to end, and kills it when `grace_ms` are over. Down, or told already: nothing. */
void service_stop(struct service *service, int64_t grace_ms);

/* Kills it if its deadline has passed. */
void service_enforce(struct service *service, int64_t now_ns);

/* It could not even be started: as one that has ended unasked, and has not come up. */
void service_not_started(struct service *service, int64_t now_ns);

/* Its end was reaped. */
void service_reaped(struct service *service, int status, int64_t now_ns);

/* "was killed by signal 9 (Killed)", "exited with status 1". Writes into text_out, returns it. */
const char *service_describe_end(int status, char *text_out, size_t room);

#endif
