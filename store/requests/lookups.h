/* lookups.h: questions after ids, and waiting for them: LOOKUP, UNWAIT, WATCH, SETTLE, RESULTS. */
#ifndef LODE_STORE_REQUESTS_LOOKUPS_H
#define LODE_STORE_REQUESTS_LOOKUPS_H

#include "store/requests/call.h"

packet_fn handle_lookup, handle_unwait, handle_settle, handle_results;

#endif
