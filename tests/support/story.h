/*
 * story.h: a story runs in directories of its own, under a guard, and leaves nothing.
 *
 *     static void story(int argc, char **argv) { … must(…) … }
 *     int main(int argc, char **argv) { return story_run(argc, argv, 20, story); }
 *
 * The guard is a second process, the parent of the one that runs story() and the foster parent of
 * everything that it starts. After the story it waits until all of them have ended, and then looks:
 * no process of ours, no file in shared memory, no socket, no private cluster. When `seconds` (the
 * usual time) has passed ten times, it kills them all, by their pids, and fails.
 *
 * The environment of story() and of all that it starts: LODE_DIR, LODE_SHM_DIR, LODE_STATE_DIR,
 * XDG_RUNTIME_DIR and XDG_STATE_HOME lie in the story's directories.
 */
#ifndef TESTS_SUPPORT_STORY_H
#define TESTS_SUPPORT_STORY_H

#include "tests/support/check.h"

#include <sys/types.h>

typedef void (*story_fn)(int argc, char **argv);

/* Runs the story and returns what main() returns: 0, 1 or TEST_SKIPPED. */
int story_run(int argc, char **argv, int seconds, story_fn story);

/* The directories of this story; static. */
const char *story_dir(void);   /* LODE_DIR */
const char *story_shm(void);   /* LODE_SHM_DIR */
const char *story_state(void); /* LODE_STATE_DIR */
const char *story_files(void); /* for the story's own files */

/*
 * The build's programs ("lode-store" …), and the task libraries of the tests ("crash" …); static.
 */
const char *story_program(const char *name);
const char *story_tasks(const char *name);

/*
 * The processes of this story whose program is called `name` (as in /proc/PID/comm, at most 15
 * bytes; NULL: any but this process and the guard). Returns how many there are; writes `room`.
 */
int story_processes(const char *name, pid_t *pids, int room);

/* Asserts that the only process of that name is there, and gives its pid. */
pid_t story_process(const char *name);

/*
 * Stops the process (it need not be a child), and returns when all its threads stand still: SIGSTOP
 * is sent, not obeyed, when kill() returns. SIGCONT lets it run on.
 */
void story_stop_process(pid_t pid);

/* Waits until that thread of this process sleeps (gettid()). */
void story_await_asleep(pid_t thread);

/* Waits until the process has ended (it need not be a child). False after `ms`. */
bool story_wait_end(pid_t pid, int64_t ms);

/* What this process says on stderr goes to that file from now on, which is empty or made. */
void story_stderr_into(const char *path);

/*
 * Makes a fifo of that name in the story's own directory; writes its path. Gives a descriptor that
 * reads and writes: nobody waits until the other side has opened it, and there is no end of file
 * between two writers.
 */
int story_fifo(char *path_out, size_t room, const char *name);

/* How many entries a directory has, all its subdirectories' included; 0 where there is none. */
int story_count_files(const char *dir);

/* The same of LODE_STATE_DIR, without the log that private clusters share, which stays. */
int story_count_state(void);

#endif
