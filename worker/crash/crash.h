/*
 * crash.h: what a worker leaves behind when the user's code crashes: signal and address in the page
 * that it shares with the scheduler (api/layout/worker_page.h). Then it dies of that very signal,
 * so that its exit status is true.
 */
#ifndef WORKER_CRASH_CRASH_H
#define WORKER_CRASH_CRASH_H

#include "api/layout/worker_page.h"

#include <lode/error.h>

/*
 * Installs handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT, which run on a stack of their
 * own (of this thread: an overflowing stack is caught on the main thread). Once in a process.
 *
 *   page  stays mapped
 *
 * Errors  LODE_ENOMEM, LODE_ESYS
 */
LODE_MUST_CHECK lode_err crash_install(struct lode_worker_page *page);

#endif
