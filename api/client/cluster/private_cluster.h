/*
 * private_cluster.h: clusters that this process has started for itself, by lode_open(NULL) where no
 * cluster runs. One serves all sessions of the process. It ends with the last of them. It also ends
 * with the process, however that ends: the cluster watches a pipe that only this process holds.
 */
#ifndef LODE_CLIENT_PRIVATE_CLUSTER_H
#define LODE_CLIENT_PRIVATE_CLUSTER_H

#include "api/cluster/paths.h"

#include <lode/cluster.h>

struct lode_private_cluster;

/*
 * The private cluster of this process, started now if there is none (or with LODE_OPEN_PRIVATE in
 * the options: one of its own in any case).
 *
 *   cluster_out  one use of it; end it with lode_private_cluster_drop()
 *
 * Blocking  until store and scheduler serve (5 s at most)
 * Errors    LODE_EDOWN it does not start, with what it said; LODE_ESYS; LODE_EINVAL
 */
LODE_MUST_CHECK lode_err lode_private_cluster_use(const lode_open_options *options,
                                                  struct lode_private_cluster **cluster_out);

const struct lode_paths *lode_private_cluster_paths(const struct lode_private_cluster *cluster);

/* The last use ends the cluster. NULL: nothing. */
void lode_private_cluster_drop(struct lode_private_cluster *cluster);

/* The cluster was found dead: the next lode_open() does not get it. */
void lode_private_cluster_forget(struct lode_private_cluster *cluster);

#endif
