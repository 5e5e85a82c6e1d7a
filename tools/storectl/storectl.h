/*
 * storectl.h: the commands of storectl. What they have in common with those of lode is in
 * tools/cli: program.h and options.h first, word.h for how a word names an object.
 */
#ifndef LODE_TOOLS_STORECTL_H
#define LODE_TOOLS_STORECTL_H

int storectl_ls(int argc, char **argv);
int storectl_stat(int argc, char **argv);
int storectl_get(int argc, char **argv);
int storectl_put(int argc, char **argv);
int storectl_rm(int argc, char **argv);
int storectl_wait(int argc, char **argv);

#endif
