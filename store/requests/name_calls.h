/* name_calls.h: NAME_SET, NAME_LOOKUP, NAME_REMOVE, NAME_LIST. */
#ifndef LODE_STORE_REQUESTS_NAME_CALLS_H
#define LODE_STORE_REQUESTS_NAME_CALLS_H

#include "store/requests/call.h"

packet_fn handle_name_set, handle_name_lookup, handle_name_remove, handle_name_list;

#endif
