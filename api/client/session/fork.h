/*
 * fork.h: what is pinned when the process forks stays pinned until its child ends or calls exec.
 *
 * The child inherits the maps of index and segments, and the views of the parent's program. It does
 * not have the pins: they are the parent's. Without more, the store would give the bytes to another
 * object once the parent had released its views, and the child would read that one's bytes.
 *
 *   before fork()   every session is marked as `forking`. Then the store copies the pins of each
 *                   session that has any (FORK). Its answer brings a mark, of which a page is
 *                   mapped, and the end of a pipe (store_msg.h).
 *   in the parent   the map and the descriptor go again.
 *   in the child    both stay until it ends or calls exec, and its own children inherit them.
 *
 * A get pins, fences, and then looks at `forking`. A fork sets `forking`, fences, and then the
 * store looks at the pins. So either the store's copy has the pin, or the get waits until the fork
 * is over before it makes a view of it. The child then has no view whose pin the store did not
 * copy.
 *
 * The store may refuse: it has no descriptor or memory left, or does not answer within 5 s. The
 * bytes of the child's views may then become another object's. So in the child the maps of index
 * and segments are made unreadable, and a read through an inherited view is SIGSEGV.
 */
#ifndef LODE_CLIENT_FORK_H
#define LODE_CLIENT_FORK_H

#include <lode/cluster.h>

/* For all sessions of a list, by `next`. The list's lock is held from the first to the second. */
void lode_fork_before(lode *sessions);
void lode_fork_in_parent(lode *sessions);
void lode_fork_in_child(lode *sessions);

#endif
