#include "tests/bench/crowd.h"

#include "tests/bench/peer.h"

#include <sys/resource.h>

static struct {
    lode *db[CROWD_MAX];
    lode_view view[CROWD_MAX];
    bool has_view[CROWD_MAX];
    int count;
    struct peer peer[CROWD_PEERS_MAX];
    int peer_count;
} crowd;

static void
allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void
gather(const char *dir, int count, bool views, lode_id id)
{
    allow_descriptors();
    for (; crowd.count < count; crowd.count++) {
        int i = crowd.count;
        crowd.db[i] = peer_attach(dir);
        crowd.has_view[i] = views;
        MUST(lode_get(crowd.db[i], id, LODE_FOREVER, &crowd.view[i]));
        if (!views) {
            lode_release(&crowd.view[i]);
        }
    }
}

void
crowd_gather(const struct bench *bench, int count, bool views, lode_id id)
{
    gather(lode_cluster_dir(bench->db), count, views, id);
}

int
crowd_count(void)
{
    return crowd.count;
}

lode *
crowd_session(int i)
{
    return crowd.db[i];
}

void
crowd_gather_peers(const struct bench *bench, int peers)
{
    for (; crowd.peer_count < peers; crowd.peer_count++) {
        struct peer *peer = &crowd.peer[crowd.peer_count];
        peer_start(bench, CROWD_OF_PEER, "crowd", peer);
        peer_await_ready(peer);
    }
}

void
crowd_disperse(void)
{
    while (crowd.count > 0) {
        int i = --crowd.count;
        if (crowd.has_view[i]) {
            lode_release(&crowd.view[i]);
        }
        lode_close(crowd.db[i]);
    }
    while (crowd.peer_count > 0) {
        const struct peer *peer = &crowd.peer[--crowd.peer_count];
        peer_go(peer);
        peer_end(peer);
    }
}

int
crowd_peer(const char *dir, int count)
{
    lode_id id;
    lode *first = peer_attach(dir);
    MUST(lode_put(first, "shared", 6, LODE_FOREVER, &id));
    gather(dir, count - 1, false, id);
    peer_say_ready_and_wait();
    crowd_disperse();
    lode_close(first);
    return 0;
}
