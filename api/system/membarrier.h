/*
 * membarrier.h: one side of a handshake that needs no fence on the other side: membarrier(2).
 *
 * Two sides each write a word and then read the other's. At least one of them must see what the
 * other wrote, and for this both need a fence between write and read. If one side is on a hot
 * path, the other can fence for both: lode_membarrier() runs a fence on every thread that is
 * running in any process that has joined. A thread that does not run was fenced when it was
 * switched out.
 *
 *   hot side                                  rare side
 *     write A, relaxed                          write B
 *     atomic_signal_fence(seq_cst)              lode_membarrier()
 *     read B                                    read A
 *
 * Each thread of the hot side has one instant between the begin and the end of lode_membarrier()
 * at which it was fenced. If it wrote A before that instant, the rare side reads what it wrote. If
 * not, it reads B after that instant, and sees what the rare side wrote. The signal fence keeps
 * the compiler from exchanging the two, which the processor cannot do across the instant.
 */
#ifndef LODE_SYSTEM_MEMBARRIER_H
#define LODE_SYSTEM_MEMBARRIER_H

#include <linux/membarrier.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * From now on lode_membarrier() of every process reaches all threads of this one, until it calls
 * exec. False: the system refuses that (a filter of system calls, an old kernel).
 *
 * Blocking  the first time in a process that has other threads: about 20 ms
 */
static inline bool
lode_membarrier_join(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
}

/* False: the system refuses it (errno ENOMEM: at this moment), and nobody was fenced. */
static inline bool
lode_membarrier(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0;
}

/*
 * lode_membarrier() for a caller that cannot do without. Where the system has no memory for it, it
 * waits some 20 ms for what needs none. False: the system refuses both.
 */
static inline bool
lode_membarrier_surely(void)
{
    return lode_membarrier() || syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0;
}

#endif
