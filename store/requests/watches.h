/*
 * watches.h: WATCH and UNWATCH, of many ids. The former is handled in parts where it has many, the
 * latter where rings must be drained first, or the session has many waits (slow.h).
 */
#ifndef LODE_STORE_REQUESTS_WATCHES_H
#define LODE_STORE_REQUESTS_WATCHES_H

#include "store/requests/call.h"

packet_fn handle_watch, handle_unwatch;

enum { WATCHES_AT_ONCE = 128 }; /* ids of a WATCH in one part */

#endif
