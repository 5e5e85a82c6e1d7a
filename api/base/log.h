/*
 * log.h: what the daemons say on stderr, one line each: time, program, id, text. The id is upper
 * case and constant ("STORE-SESSION-CUT"), so that logs can be searched and counted.
 */
#ifndef LODE_BASE_LOG_H
#define LODE_BASE_LOG_H

#include <lode/error.h>
#include <stdbool.h>
#include <stddef.h>

/* The name in front of each line; a static string. */
void lode_log_init(const char *program);

/*
 * For people who run the daemon; a line is written with one write(). Any thread. Of one id at most
 * LODE_LOG_BURST lines a second are written (log_budget.h); the next one says how many were not.
 *
 * Never blocks. Where stderr is a pipe that nobody reads, or a terminal that was stopped, the line
 * is lost, and the next one that is taken says how many were. A daemon that waited for its log
 * would serve nobody.
 */
void lode_log(const char *id, const char *format, ...) LODE_PRINTF(2, 3);

/*
 * From now on `take` gets the lines of lode_log(), with their line feeds. Those for which it gives
 * false go to stderr, as before. Any thread may call it, several at once.
 */
typedef bool (*lode_log_fn)(const char *line, size_t size);
void lode_log_divert(lode_log_fn take);

/* The text alone, as a line on stderr, and of any number; else as lode_log() is. */
void lode_log_plain(const char *format, ...) LODE_PRINTF(1, 2);

#endif
