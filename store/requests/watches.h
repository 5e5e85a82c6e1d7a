/*
 * watches.h: WATCH, WATCH_ROW, UNWATCH and CHECK, of many ids. WATCH is handled in parts where it
 * has many, UNWATCH where rings must be drained first, or the session has many waits, CHECK for the
 * first of both reasons (slow.h).
 */
#ifndef LODE_STORE_REQUESTS_WATCHES_H
#define LODE_STORE_REQUESTS_WATCHES_H

#include "store/requests/call.h"

packet_fn handle_watch, handle_watch_row, handle_watch_filter, handle_unwatch, handle_check;

enum {
    WATCHES_AT_ONCE = 128, /* ids of a WATCH in one part */
    CHECKS_AT_ONCE = 2048  /* ids of a CHECK in one part */
};

#endif
