#include "tools/supervisor/state.h"

#include "api/base/clock.h"
#include "api/cluster/directories.h"
#include "api/base/fail.h"
#include "api/cluster/hold.h"

#include <sys/epoll.h>
#include <unistd.h>

lode_err
supervisor_watch(struct supervisor *s, int fd, enum supervisor_event event)
{
    struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = event};
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &wanted) != 0) {
        return lode_fail_errno("cannot watch a descriptor");
    }
    return LODE_OK;
}

lode_err
supervisor_hold_shm(struct supervisor *s)
{
    if (s->shm_fd >= 0 && lode_hold_is_at(s->shm_fd, s->paths.shm)) {
        return LODE_OK;
    }
    if (s->shm_fd >= 0) {
        close(s->shm_fd);
        s->shm_fd = -1;
    }
    LODE_TRY(lode_directory_hold_shm(&s->paths, &s->shm_fd));
    s->owns_shm = true;
    return LODE_OK;
}

void
supervisor_stop(struct supervisor *s)
{
    if (!s->stopping) {
        s->stop_ns = lode_now_ns();
    }
    s->stopping = true;
}

void
supervisor_hang_up(struct supervisor *s)
{
    if (s->scheduler_fd >= 0) {
        close(s->scheduler_fd);
        s->scheduler_fd = -1;
    }
}
