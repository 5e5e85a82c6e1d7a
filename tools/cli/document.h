/* document.h: the one JSON document of `--json`. */
#ifndef LODE_TOOLS_DOCUMENT_H
#define LODE_TOOLS_DOCUMENT_H

#include <jansson.h>
#include <stdint.h>

/*
 * A path or a name. One that is not UTF-8 is given as api/base/printable.h shows it. NULL: no
 * memory.
 */
json_t *document_text(const char *text);

/*
 * A number that uses all 64 bits, as a string of decimal digits: many readers of JSON have numbers
 * of 53 bits, and would give another one. NULL: no memory.
 */
json_t *document_u64(uint64_t number);

/* Prints it on stdout, floats with all their digits, and lets go of it. NULL: no memory for it. */
void document_print(json_t *document);

#endif
