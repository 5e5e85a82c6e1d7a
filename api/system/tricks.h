/*
 * tricks.h: what makes lode faster on machines that can do it, and can be left out. To find what a
 * trick gives, or whether it is to blame, a person names it in the environment variable
 * LODE_WITHOUT: words of the table below, with commas between them. Whatever is left out, every
 * call does the same; only its speed differs. A word that is none is passed over, and the first
 * lode_open() of a process, and `lode start`, say so on stderr.
 *
 *   stream  copies past the caches (copy.h)              else memcpy
 *   key     a protection key over what puts write        else mprotect
 *           (api/client/session/write_key.h)
 *   near    a guess where an entry lies                  else the entry is fetched once it is known
 *           (api/client/channel/near.h)
 *   ahead   records are looked at before their turn      else each waits for its own cache misses
 *           (store/rings/ahead.h)
 *   plain   a release fences nothing, the store does     else it fences itself
 *           (api/layout/session.h [2])
 */
#ifndef LODE_SYSTEM_TRICKS_H
#define LODE_SYSTEM_TRICKS_H

#include <lode/error.h>
#include <stdbool.h>

enum lode_trick {
    LODE_TRICK_STREAM = 1,
    LODE_TRICK_KEY = 2,
    LODE_TRICK_NEAR = 4,
    LODE_TRICK_AHEAD = 8,
    LODE_TRICK_PLAIN = 16
};

/*
 * False: LODE_WITHOUT names it. The variable is read now; who asks often remembers the answer.
 * Threads: any, as long as none changes the environment.
 */
bool lode_trick_wanted(enum lode_trick trick);

/*
 * LODE_EINVAL: LODE_WITHOUT has a word that is no trick. The sentence has the first of them, and
 * the words that there are. Threads: as above.
 */
lode_err lode_tricks_check(void);

#endif
