/* queries.h: STAT, LIST, STATS: what the store knows of its objects and of itself. */
#ifndef LODE_STORE_REQUESTS_QUERIES_H
#define LODE_STORE_REQUESTS_QUERIES_H

#include "store/requests/call.h"

packet_fn handle_stat, handle_list, handle_stats;

#endif
