/* commands.h: the commands that load task libraries and call their functions. */
#ifndef LODE_TOOLS_CALLS_COMMANDS_H
#define LODE_TOOLS_CALLS_COMMANDS_H

int command_load(int argc, char **argv);
int command_run(int argc, char **argv);
int command_matmul(int argc, char **argv);

#endif
