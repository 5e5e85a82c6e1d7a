/*
 * log.h: what the daemons say on stderr, one line each: time, program, id, text. The id is upper
 * case and constant ("STORE-SESSION-CUT"), so that logs can be searched and counted.
 */
#ifndef LODE_BASE_LOG_H
#define LODE_BASE_LOG_H

#include <lode/error.h>

/* The name in front of each line; a static string. */
void lode_log_init(const char *program);

/*
 * For people who run the daemon; a line is written with one write(). Any thread. Of one id at most
 * LODE_LOG_BURST lines a second are written (log_budget.h); the next one says how many were not.
 */
void lode_log(const char *id, const char *format, ...) LODE_PRINTF(2, 3);

#endif
