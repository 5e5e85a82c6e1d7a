/*
 * program.h: the program that the worker serves, and the change to another one.
 *
 * Nothing of one program's tasks reaches another's. stdout and stderr are new ones
 * (process/printing.h), and the rest of the process is put back (process/surroundings.h). A worker
 * in which a task has left a thread or a child process serves no other program: such a thread could
 * write to the other one's stdout. Nor does one in which a task has changed what nobody can put
 * back (process/confines.h). It hands the other's tasks back, and is replaced. What stays is
 * memory: the variables of a library that both programs call.
 *
 * Threads of pools of our own are excepted: those that OpenBLAS starts for lode-blas stay.
 */
#ifndef WORKER_RUNTIME_PROGRAM_H
#define WORKER_RUNTIME_PROGRAM_H

#include "api/wire/task_msg.h"
#include "worker/runtime/worker.h"

/* Before the user's code first runs: all threads so far are ours. */
void program_init(struct worker *worker);

/*
 * This task comes next; NULL: a library is described, for whomever. False: the worker cannot serve
 * its program.
 */
bool program_enter(struct worker *worker, const struct lode_task_run *run);

/* Around a call of a function of lode-blas that may take several threads. */
uint32_t program_pool_begin(void);
void program_pool_end(struct worker *worker, uint32_t threads_before);

#endif
