/*
 * streams.h: what tasks have left in the buffers of streams that they have opened themselves, or of
 * C++'s std::cout, which has a buffer of its own after sync_with_stdio(false). It was printed by
 * the program that the worker has served, and must go out before its stdout and stderr are others:
 * a task of the next program that flushes all streams would else print it.
 *
 * Only between programs: the streams are not known, and looking for them takes some µs. Main
 * thread.
 */
#ifndef WORKER_PROCESS_STREAMS_H
#define WORKER_PROCESS_STREAMS_H

/*
 * Flushes all of them. A stream may lead into a pipe that nobody reads: after two seconds the
 * process ends by SIGALRM, and another worker takes its place.
 */
void streams_flush(void);

#endif
