#include "store/state/source.h"

#include "api/base/fail.h"
#include "store/state/store.h"

lode_err
store_watch_fd(struct store *store, int fd, uint32_t events, struct source *source)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(store->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        return lode_fail_errno("cannot watch a descriptor");
    }
    return LODE_OK;
}
