/*
 * sink.h: the program's stderr, as what takes lines. Nothing here waits for its reader, but
 * lode_sink_await_room(). The program may make its stderr another file at any time, so each call
 * looks anew.
 *
 * Any thread.
 */
#ifndef LODE_CLIENT_OUTPUT_SINK_H
#define LODE_CLIENT_OUTPUT_SINK_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* Stderr is a terminal. */
bool lode_sink_is_terminal(void);

/*
 * Stderr takes many lines in one write: a pipe, which has up to PIPE_BUF bytes in one piece, or a
 * file. A socket may have messages, and a terminal shows each line as it comes.
 */
bool lode_sink_takes_many(void);

/*
 * Writes one line, or what is left of one; where stderr takes many, as many whole lines as nobody's
 * write can come between. Gives how much stderr has taken of that; 0: nothing at this moment. A
 * stderr that is closed, or that nobody can read any more, takes all.
 *
 *   many  as lode_sink_takes_many() said
 */
size_t lode_sink_write(const char *bytes, size_t size, bool many);

/* Waits for a stderr that may take something; some 50 ms at most. One that says so may not. */
void lode_sink_await_room(void);

/*
 * Between the two, any thread may write. A reader that has ended must not strike the program with a
 * SIGPIPE, nor a file that may not grow with a SIGXFSZ. The same thread calls both.
 */
struct lode_sink_shelter {
    sigset_t risen, before;
    bool was_pending;
};

void lode_sink_take_shelter(struct lode_sink_shelter *shelter);
void lode_sink_leave_shelter(const struct lode_sink_shelter *shelter);

#endif
