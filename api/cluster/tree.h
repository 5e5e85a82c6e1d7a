/* tree.h: directories with all that is in them. */
#ifndef LODE_CLUSTER_TREE_H
#define LODE_CLUSTER_TREE_H

/* Removes a file, or a directory with all that is in it; links are not followed. */
void lode_tree_remove(const char *path);

#endif
