#include "store/state/outbox.h"

#include "api/base/fail.h"
#include "api/system/socket.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct outbox_packet {
    struct outbox_packet *next;
    size_t size, fd_count;
    int fds[OUTBOX_FDS]; /* ours */
    unsigned char bytes[];
};

static void
packet_free(struct outbox_packet *packet)
{
    for (size_t i = 0; i < packet->fd_count; i++) {
        close(packet->fds[i]);
    }
    free(packet);
}

/* Errors: LODE_ESYS no descriptor is left. */
static lode_err
copy_fds(struct outbox_packet *packet, const int *fds, size_t fd_count)
{
    while (packet->fd_count < fd_count) {
        int copy = fcntl(fds[packet->fd_count], F_DUPFD_CLOEXEC, 0);
        if (copy < 0) {
            return lode_fail_errno("cannot keep a descriptor for a client that does not read");
        }
        packet->fds[packet->fd_count++] = copy;
    }
    return LODE_OK;
}

static lode_err
keep(struct outbox *out, const void *head, size_t head_size, const void *rest, size_t rest_size,
     const int *fds, size_t fd_count)
{
    bool is_full = !out->unbounded && out->bytes + head_size + rest_size > OUTBOX_MAX;
    if (is_full || fd_count > OUTBOX_FDS || out->fd_count + fd_count > OUTBOX_FDS_MAX) {
        return lode_fail_with(LODE_ELIMIT,
                              "%zu bytes and %zu descriptors of answers wait and are not read",
                              out->bytes, out->fd_count);
    }
    struct outbox_packet *packet = malloc(sizeof *packet + head_size + rest_size);
    if (packet == NULL) {
        return lode_fail_with(LODE_ENOMEM, "no memory for an answer");
    }
    packet->next = NULL;
    packet->size = head_size + rest_size;
    packet->fd_count = 0;
    lode_err err = copy_fds(packet, fds, fd_count);
    if (err != LODE_OK) {
        packet_free(packet);
        return err;
    }
    memcpy(packet->bytes, head, head_size);
    if (rest_size > 0) {
        memcpy(packet->bytes + head_size, rest, rest_size);
    }
    if (out->last != NULL) {
        out->last->next = packet;
    } else {
        out->first = packet;
    }
    out->last = packet;
    out->bytes += packet->size;
    out->fd_count += packet->fd_count;
    return LODE_OK;
}

lode_err
outbox_send(struct outbox *out, int fd, const void *head, size_t head_size, const void *rest,
            size_t rest_size, const int *fds, size_t fd_count)
{
    if (outbox_is_empty(out)) {
        lode_err err = lode_socket_send(fd, head, head_size, rest, rest_size, fds, fd_count);
        if (err != LODE_EAGAIN) {
            return err;
        }
    }
    return keep(out, head, head_size, rest, rest_size, fds, fd_count);
}

static void
drop_first(struct outbox *out)
{
    struct outbox_packet *packet = out->first;
    out->first = packet->next;
    out->last = out->first == NULL ? NULL : out->last;
    out->bytes -= packet->size;
    out->fd_count -= packet->fd_count;
    packet_free(packet);
}

lode_err
outbox_flush(struct outbox *out, int fd)
{
    while (!outbox_is_empty(out)) {
        struct outbox_packet *packet = out->first;
        lode_err err = lode_socket_send(fd, packet->bytes, packet->size, NULL, 0, packet->fds,
                                        packet->fd_count);
        if (err == LODE_EAGAIN) {
            return LODE_OK;
        }
        LODE_TRY(err);
        drop_first(out);
    }
    return LODE_OK;
}

void
outbox_clear(struct outbox *out)
{
    while (!outbox_is_empty(out)) {
        drop_first(out);
    }
}
