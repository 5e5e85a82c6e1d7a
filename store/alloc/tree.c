#include "store/alloc/tree.h"

#include "api/base/assert.h"

static bool
less(const struct tree_node *node, uint64_t major, uint64_t minor)
{
    return node->major < major || (node->major == major && node->minor < minor);
}

/* splitmix64's finisher: equal priorities would only cost balance. */
static uint64_t
mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

void
tree_insert(struct tree *tree, struct tree_node *node)
{
    struct tree_node **link = &tree->root;
    struct tree_node **left = &node->left, **right = &node->right;
    node->priority = mix(tree->inserted++);
    while (*link != NULL && (*link)->priority >= node->priority) {
        link = less(*link, node->major, node->minor) ? &(*link)->right : &(*link)->left;
    }
    /* What hung here is split around the node. */
    struct tree_node *rest = *link;
    *link = node;
    while (rest != NULL) {
        if (less(rest, node->major, node->minor)) {
            *left = rest;
            left = &rest->right;
            rest = rest->right;
        } else {
            *right = rest;
            right = &rest->left;
            rest = rest->left;
        }
    }
    *left = NULL;
    *right = NULL;
}

void
tree_remove(struct tree *tree, struct tree_node *node)
{
    struct tree_node **link = &tree->root;
    while (*link != node) {
        LODE_ASSERT(*link != NULL);
        link = less(*link, node->major, node->minor) ? &(*link)->right : &(*link)->left;
    }
    struct tree_node *left = node->left, *right = node->right;
    while (left != NULL && right != NULL) {
        if (left->priority >= right->priority) {
            *link = left;
            link = &left->right;
            left = left->right;
        } else {
            *link = right;
            link = &right->left;
            right = right->left;
        }
    }
    *link = left != NULL ? left : right;
}

struct tree_node *
tree_at_least(const struct tree *tree, uint64_t major, uint64_t minor)
{
    struct tree_node *best = NULL;
    for (struct tree_node *node = tree->root; node != NULL;) {
        if (less(node, major, minor)) {
            node = node->right;
        } else {
            best = node;
            node = node->left;
        }
    }
    return best;
}

struct tree_node *
tree_below(const struct tree *tree, uint64_t major, uint64_t minor)
{
    struct tree_node *best = NULL;
    for (struct tree_node *node = tree->root; node != NULL;) {
        if (less(node, major, minor)) {
            best = node;
            node = node->right;
        } else {
            node = node->left;
        }
    }
    return best;
}

struct tree_node *
tree_last(const struct tree *tree)
{
    struct tree_node *node = tree->root;
    while (node != NULL && node->right != NULL) {
        node = node->right;
    }
    return node;
}
