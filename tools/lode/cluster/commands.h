/* commands.h: the commands by which a cluster begins, is looked at as a whole, and ends. */
#ifndef LODE_TOOLS_CLUSTER_COMMANDS_H
#define LODE_TOOLS_CLUSTER_COMMANDS_H

int command_start(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_status(int argc, char **argv);
int command_sweep(int argc, char **argv);

#endif
