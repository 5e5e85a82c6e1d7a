/*
 * log_to_file.h: a daemon whose stderr is a program's. The daemons of a private cluster share it
 * with the program that has started the cluster. Once they are ready, what they log goes to a file.
 */
#ifndef LODE_CLUSTER_LOG_TO_FILE_H
#define LODE_CLUSTER_LOG_TO_FILE_H

/*
 * What lode_log() says goes to that log from now on (log_file.h); where that fails, to stderr, as
 * before. Once in a process. The strings are copied.
 */
void lode_log_to_file(const char *dir, const char *name);

#endif
