#include "tools/cli/document.h"

#include "api/base/printable.h"
#include "tools/cli/program.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *
document_text(const char *text)
{
    json_t *whole = json_string(text);
    if (whole != NULL) {
        return whole;
    }
    size_t size = strlen(text), room = LODE_PRINTABLE_GROWTH * size + 1;
    char *shown = malloc(room);
    if (shown != NULL) {
        lode_printable(text, size, 0, shown, room);
        whole = json_string(shown);
    }
    free(shown);
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
