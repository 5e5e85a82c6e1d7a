/* report_json.h: what is known of a cluster, for programs. */
#ifndef LODE_TOOLS_REPORT_JSON_H
#define LODE_TOOLS_REPORT_JSON_H

#include "tools/clusters/report.h"

/* The document "lode.status/2", the caller's. */
json_t *report_json(const struct report *report);

#endif
