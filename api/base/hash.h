/*
 * hash.h: uthash, without its habit to end the process where there is no memory: HASH_ADD then adds
 * nothing, and hash_has() says so. The caller frees the element and gives LODE_ENOMEM to whoever
 * asked.
 */
#ifndef LODE_BASE_HASH_H
#define LODE_BASE_HASH_H

#ifdef UTHASH_H
#error "hash.h: include this, and never <uthash.h>"
#endif
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* After HASH_ADD of `element` by its handle `hh`: false, there was no memory for it. */
#define hash_has(hh, element) ((element)->hh.tbl != NULL)

#endif
