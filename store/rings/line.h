/*
 * line.h: the line of the sessions that wait for credit, oldest first.
 *
 * A session whose need of pages cannot be met would starve if the sessions behind it took every
 * page that is freed meanwhile. So one session at a time may hold the line: while it does, pages
 * gather for it, and no other session gets any. But its need may be one that can never be met
 * (other sessions' objects fill the store), and then it must not hold the others up for ever. So:
 *
 *   - A session holds the line for LINE_HOLD_NS at most. If its need was not met by then, nobody
 *     holds the line for as long again. Meanwhile pages go to everyone whose need is small enough.
 *   - A session that held the line for a time may hold it again after LINE_REST times that time.
 *   - If pages did gather for it, but too few, the session may hold the line for twice the time
 *     then, up to LINE_HOLD_MOST_NS. So a need is met if its pages are freed within that time.
 *
 * Threads: the loop thread. `now` is lode_now_ns().
 */
#ifndef LODE_STORE_RINGS_LINE_H
#define LODE_STORE_RINGS_LINE_H

#include <stdbool.h>
#include <stdint.h>

struct session;

#define LINE_HOLD_NS      INT64_C(50000000)
#define LINE_HOLD_MOST_NS INT64_C(1000000000)
enum { LINE_REST = 20 };

struct line {
    struct session *first, **end;
    struct session *holder; /* NULL: nobody holds the line */
    int64_t held_since_ns;
    uint64_t room_at_first; /* pages that were free then */
    int64_t free_until_ns;  /* until then nobody holds it */
};

void line_init(struct line *line);

/* Puts the session at the end, if it does not stand in the line yet. */
void line_add(struct line *line, struct session *session);

/* Takes out the session that `at` points at; or a session, wherever it stands, if it does. */
void line_leave_at(struct line *line, struct session **at, int64_t now);
void line_leave(struct line *line, struct session *session, int64_t now);

/*
 * Ends the hold of a session that held the line for its time, whatever that session needs now.
 * `room`: pages that are free now.
 */
void line_end_hold_in_time(struct line *line, uint64_t room, int64_t now);

/*
 * Ends the session's hold, if it holds the line: it needs no page (any more). It stays in the line.
 */
void line_release(struct line *line, const struct session *session, int64_t now);

/* Whether some other session holds the line, so that this one (NULL: any) gets no pages. */
bool line_is_held(const struct line *line, const struct session *session);

/*
 * The session lacks pages; `room` are free. True: it holds the line from now on, or did so already.
 */
bool line_hold(struct line *line, struct session *session, uint64_t room, int64_t now);

/* When the line changes though no room comes; INT64_MAX: it does not. */
int64_t line_due_ns(const struct line *line);

#endif
