#include "tools/cli/program.h"
#include "tools/storectl/storectl.h"

#include <stddef.h>

static const struct command commands[] = {
    {"ls", storectl_ls, "list the objects"},
    {"stat", storectl_stat, "describe objects, or the store"},
    {"get", storectl_get, "write an object to a file or to stdout"},
    {"put", storectl_put, "put files, or stdin, as named objects"},
    {"rm", storectl_rm, "remove names or objects"},
    {"wait", storectl_wait, "wait until objects are there"},
    {NULL, NULL, NULL},
};

static const struct program storectl = {
    .name = "storectl",
    .about = "Inspects and drives the object store of a running cluster.\n",
    .commands = commands,
    .notes = "An object is named by NAME, by SPACE/NAME, or by its id: 32 hex digits, as many as "
             "no other\n"
             "id begins with, or FIRST..LAST digits. name:NAME and id:DIGITS say which is meant.\n",
};

int
main(int argc, char **argv)
{
    return program_run(&storectl, argc, argv);
}
