/* events.h: what the supervisor's epoll reports, taken in. What follows from it: supervisor.c. */
#ifndef LODE_TOOLS_SUPERVISOR_EVENTS_H
#define LODE_TOOLS_SUPERVISOR_EVENTS_H

#include "tools/supervisor/state.h"

/* Takes one event in: a signal, a packet of the scheduler's, the ready byte of a daemon. */
void events_take(struct supervisor *s, enum supervisor_event event);

/* Tells the scheduler which workers were started and have ended, as far as its socket has room. */
void events_report(struct supervisor *s);

#endif
