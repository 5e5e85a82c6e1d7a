#include "api/cluster/tree.h"

#include <ftw.h>
#include <stdio.h>

enum { TREE_FILES = 8 }; /* that are open at a time */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    (void)!remove(path);
    return 0;
}

void
lode_tree_remove(const char *path)
{
    (void)!nftw(path, remove_one, TREE_FILES, FTW_DEPTH | FTW_PHYS);
}
