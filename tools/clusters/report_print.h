/* report_print.h: what is known of a cluster, for people. */
#ifndef LODE_TOOLS_REPORT_PRINT_H
#define LODE_TOOLS_REPORT_PRINT_H

#include "tools/clusters/report.h"

#include <stdio.h>

void report_print(const struct report *report, FILE *out);

#endif
