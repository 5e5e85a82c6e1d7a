#include "tools/cli/document.h"

#include "tools/cli/program.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *
document_text(const char *text)
{
    json_t *whole = json_string(text);
    char *copy = whole == NULL ? strdup(text) : NULL;
    if (copy == NULL) {
        return whole;
    }
    for (char *c = copy; *c != '\0'; c++) {
        *c = (unsigned char)*c < 0x80 ? *c : '?';
    }
    whole = json_string(copy);
    free(copy);
    return whole;
}

json_t *
document_u64(uint64_t number)
{
    return json_sprintf("%" PRIu64, number);
}

void
document_print(json_t *document)
{
    if (document == NULL) {
        exit(program_error(EXIT_FAILED, "no memory for the document"));
    }
    json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    putchar('\n');
    json_decref(document);
}
