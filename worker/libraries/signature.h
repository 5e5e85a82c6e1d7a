/*
 * signature.h: what a function's signature says of its arguments.
 *
 * A signature is a text for people, such as "(x: f64[m,k], y: f64[k,n]) -> f64[m,n]". Only the
 * number of arguments is read from it.
 */
#ifndef WORKER_LIBRARIES_SIGNATURE_H
#define WORKER_LIBRARIES_SIGNATURE_H

#include <stdint.h>

enum { SIGNATURE_ANY = -1 };

/*
 * The most arguments that the signature has room for; SIGNATURE_ANY: any number. That is so for
 * NULL, for a text without a list in parentheses, and for one in whose list a parameter begins
 * with "...", "…" or "*".
 */
int32_t signature_arguments(const char *signature);

#endif
