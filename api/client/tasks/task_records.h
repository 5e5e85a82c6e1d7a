/*
 * task_records.h: what the scheduler tells a session: answers, ends of calls, lines of output.
 */
#ifndef LODE_CLIENT_TASK_RECORDS_H
#define LODE_CLIENT_TASK_RECORDS_H

#include "api/client/tasks/tasks.h"

/* A record from the scheduler; the link's callback, with a struct lode_tasks. See link.h. */
lode_err lode_tasks_record(void *tasks, uint16_t type, const void *bytes, uint32_t size);

/* After the last of those that came together: lines of output go to stderr. */
void lode_tasks_records_end(void *tasks);

#endif
