/*
 * leftovers.h: what a test has left behind: processes, by a word in their environment, and files,
 * by the directory that they lie in. Reads /proc; blocks for nothing.
 */
#ifndef TESTS_SUPPORT_LEFTOVERS_H
#define TESTS_SUPPORT_LEFTOVERS_H

#include <stdbool.h>
#include <sys/types.h>

enum left_kind { LEFT_ANY = 1, LEFT_SOCKET = 2 };

/*
 * The living processes (zombies do not count) whose environment holds LODE_TEST_TAG=tag and whose
 * /proc/PID/comm is `name` (NULL: any). Returns how many; writes at most `room`.
 */
int find_processes(const char *tag, const char *name, pid_t *pids, int room);

/* Pid and command line of each, to stderr. */
void print_processes(const char *tag);

/* Prints each file of that kind below `dir` to stderr. Returns 1 if there was one. */
int print_leftovers(const char *dir, enum left_kind kind);

/* Files and sockets below `dir`, directories not counted. */
int count_files(const char *dir);

/* rm -rf; that there is nothing is no error. */
void remove_tree(const char *dir);

#endif
