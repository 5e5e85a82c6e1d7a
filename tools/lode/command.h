/*
 * command.h: the commands of lode. What they have in common with those of storectl is in tools/cli:
 * program.h and options.h first.
 */
#ifndef LODE_TOOLS_COMMAND_H
#define LODE_TOOLS_COMMAND_H

int command_start(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_status(int argc, char **argv);
int command_tasks(int argc, char **argv);
int command_workers(int argc, char **argv);
int command_cancel(int argc, char **argv);
int command_kill_worker(int argc, char **argv);
int command_sweep(int argc, char **argv);
int command_load(int argc, char **argv);
int command_run(int argc, char **argv);
int command_matmul(int argc, char **argv);
int command_bench(int argc, char **argv);

#endif
