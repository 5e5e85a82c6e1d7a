/*
 * tree.h: an ordered set of nodes that lie in their owners' structs. It is a treap. The key of a
 * node is two numbers, which no other node of its tree has. Priorities are hashes of a counter, so
 * the tree is the same in every run. Ownership: the caller's. Threads: one. Nothing fails. Time:
 * O(log nodes), expected.
 */
#ifndef LODE_STORE_ALLOC_TREE_H
#define LODE_STORE_ALLOC_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tree_node {
    struct tree_node *left, *right;
    uint64_t major, minor; /* the key; the caller's, while the node is in no tree */
    uint64_t priority;
};

struct tree {
    struct tree_node *root;
    uint64_t inserted;
};

void tree_insert(struct tree *tree, struct tree_node *node);
void tree_remove(struct tree *tree, struct tree_node *node);

/* The least node >= the key, the greatest < the key, the greatest of all; NULL: none. */
struct tree_node *tree_at_least(const struct tree *tree, uint64_t major, uint64_t minor);
struct tree_node *tree_below(const struct tree *tree, uint64_t major, uint64_t minor);
struct tree_node *tree_last(const struct tree *tree);

#endif
