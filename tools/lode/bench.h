/* bench.h: `lode bench`: runs lode-bench, a program of its own that lies beside this one. */
#ifndef LODE_TOOLS_BENCH_H
#define LODE_TOOLS_BENCH_H

int command_bench(int argc, char **argv);

#endif
