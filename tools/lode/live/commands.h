/* commands.h: the commands that show or end tasks and workers. */
#ifndef LODE_TOOLS_LIVE_COMMANDS_H
#define LODE_TOOLS_LIVE_COMMANDS_H

int command_tasks(int argc, char **argv);
int command_workers(int argc, char **argv);
int command_cancel(int argc, char **argv);
int command_kill_worker(int argc, char **argv);

#endif
