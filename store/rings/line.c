#include "store/rings/line.h"

#include "store/state/store.h"

void
line_init(struct line *line)
{
    *line = (struct line){.end = &line->first};
}

void
line_add(struct line *line, struct session *session)
{
    if (!session->in_line) {
        session->in_line = true;
        session->line_next = NULL;
        *line->end = session;
        line->end = &session->line_next;
    }
}

/* How long the session may hold the line. */
static int64_t
hold_ns(const struct session *session)
{
    return session->hold_ns != 0 ? session->hold_ns : LINE_HOLD_NS;
}

/* The session that held the line has to rest for a time that depends on how long it did. */
static void
end_hold(struct line *line, int64_t now)
{
    line->holder->hold_again_ns = now + (now - line->held_since_ns) * LINE_REST;
    line->holder = NULL;
}

void
line_end_hold_in_time(struct line *line, uint64_t room, int64_t now)
{
    struct session *holder = line->holder;
    if (holder == NULL || now < line_due_ns(line)) {
        return;
    }
    int64_t held = hold_ns(holder), twice = 2 * held;
    end_hold(line, now);
    line->free_until_ns = now + held;
    holder->hold_ns = room <= line->room_at_first ? LINE_HOLD_NS
                      : twice < LINE_HOLD_MOST_NS ? twice
                                                  : LINE_HOLD_MOST_NS;
}

void
line_release(struct line *line, const struct session *session, int64_t now)
{
    if (line->holder == session) {
        end_hold(line, now);
    }
}

void
line_leave_at(struct line *line, struct session **at, int64_t now)
{
    struct session *session = *at;
    *at = session->line_next;
    if (line->end == &session->line_next) {
        line->end = at;
    }
    session->in_line = false;
    line_release(line, session, now);
    session->hold_ns = 0;
}

void
line_leave(struct line *line, struct session *session, int64_t now)
{
    for (struct session **at = &line->first; session->in_line; at = &(*at)->line_next) {
        if (*at == session) {
            line_leave_at(line, at, now);
            break;
        }
    }
}

bool
line_is_held(const struct line *line, const struct session *session)
{
    return line->holder != NULL && line->holder != session;
}

bool
line_hold(struct line *line, struct session *session, uint64_t room, int64_t now)
{
    if (line->holder == NULL && now >= line->free_until_ns && now >= session->hold_again_ns) {
        line->holder = session;
        line->held_since_ns = now;
        line->room_at_first = room;
    }
    return line->holder == session;
}

int64_t
line_due_ns(const struct line *line)
{
    return line->holder != NULL ? line->held_since_ns + hold_ns(line->holder) : INT64_MAX;
}
