/*
 * hostile_answers.h: what a store answers, as the input says. A packet that liblode sends is noted
 * here. Where liblode waits for one, the input's next op says what comes: the answer of an honest
 * store, or that with other bytes, another size, other descriptors; an error, a notice, noise;
 * nothing for a while. At the input's end the store has died, so every call comes back.
 */
#ifndef TESTS_FUZZ_HOSTILE_ANSWERS_H
#define TESTS_FUZZ_HOSTILE_ANSWERS_H

#include "api/base/fail.h"
#include "api/system/socket.h"
#include "api/layout/session.h"
#include "api/wire/store_msg.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <unistd.h>

enum {
    GENERATION = 77,
    SESSION = 42,
    ROW = 1,
    SEGMENT_BYTES = 1 << 20,
    ENTRIES = 64,
    LIMIT = 2,
    PEERS = 4
};
enum object { INLINE, SMALL, MATRIX, STRIDED, FAILED, FAILED_LARGE, NAME, OBJECTS };

static struct fuzz_input *script;
static int64_t clock_ns;
static int index_fd, file_fd, segment_fd, bell_fd, peer_fds[PEERS], peer_count;
static uint8_t *index_map, *segment_map;
static struct lode_session_header *file_map;
static struct lode_entry pristine[OBJECTS];
static uint32_t next_entry;

/* ---- what liblode has sent ------------------------------------------------------------------- */

static struct {
    _Alignas(8) uint8_t bytes[256]; /* the beginning of the last packet that has a tag */
    size_t size;
    uint32_t tag_before;   /* of the question before it */
    size_t answered_bytes; /* of `first_answer`; 0: there is none yet */
    uint64_t watched;
    lode_id watched_id;
} asked;

/* A list that does not go on would go on for ever. */
static void
check_list(const void *head, size_t size)
{
    const struct lode_msg_head *before = (const void *)asked.bytes;
    struct lode_msg_name name[2] = {{.cursor = 0}};
    struct lode_msg_list list[2] = {{.cursor = 0}};
    memcpy(&list[1], head, size < sizeof list[1] ? size : sizeof list[1]);
    memcpy(&name[1], head, size < sizeof name[1] ? size : sizeof name[1]);
    memcpy(&list[0], asked.bytes, sizeof list[0]);
    memcpy(&name[0], asked.bytes, sizeof name[0]);
    if (before->type == LODE_MSG_LIST && list[1].head.type == LODE_MSG_LIST) {
        fuzz_expect(list[1].cursor == 0 || list[1].cursor > list[0].cursor);
    }
    if (before->type == LODE_MSG_NAME_LIST && name[1].head.type == LODE_MSG_NAME_LIST) {
        fuzz_expect(name[1].cursor == 0 || name[0].cursor == 0 || name[1].cursor < name[0].cursor);
    }
}

lode_err __wrap_lode_socket_try_send(int fd, const void *head, size_t head_size, const void *rest,
                                     size_t rest_size);

lode_err
__wrap_lode_socket_try_send(int fd, const void *head, size_t head_size, const void *rest,
                            size_t rest_size)
{
    struct lode_msg_watch watch;
    struct lode_msg_head first;
    fuzz_expect(fd >= 0 && head_size >= sizeof first &&
                head_size + rest_size <= LODE_STORE_PACKET_MAX);
    memcpy(&first, head, sizeof first);
    if (rest_size > 0) { /* an address sanitizer looks */
        uint8_t *copy = fuzz_copy(rest, rest_size);
        free(copy);
    }
    if (first.type == LODE_MSG_WATCH) {
        memcpy(&watch, head, sizeof watch);
        asked.watched = watch.cookie;
        memcpy(&asked.watched_id, (const uint8_t *)head + sizeof watch, sizeof(lode_id));
    }
    if (first.type == LODE_MSG_WATCH_ROW) {
        struct lode_msg_watch_row row;
        memcpy(&row, head, sizeof row);
        asked.watched = row.cookie;
        asked.watched_id = lode_id_plus(row.first, (uint64_t)row.step * (row.count / 2));
    }
    if (first.type == LODE_MSG_WATCH_FILTER) {
        struct lode_msg_watch_filter filter;
        memcpy(&filter, head, sizeof filter);
        asked.watched = filter.cookie;
    }
    if (first.tag != 0) {
        check_list(head, head_size);
        asked.tag_before = asked.size > 0 ? ((struct lode_msg_head *)(void *)asked.bytes)->tag : 0;
        asked.size = head_size < sizeof asked.bytes ? head_size : sizeof asked.bytes;
        memcpy(asked.bytes, head, asked.size);
        asked.answered_bytes = 0;
    }
    return LODE_OK;
}

/* For a target with a second socket, on which no descriptors come: what comes there. */
static lode_err (*other_receive)(void *buffer, size_t room, size_t *size_out);

/* For the same: what else may happen while the store does not answer. */
static void (*meanwhile)(void);

/* ---- what the store answers ------------------------------------------------------------------ */

struct answer {
    _Alignas(8) uint8_t bytes[2048];
    size_t size;
    int fds[LODE_SOCKET_FDS_MAX];
    size_t fd_count;
};

static struct answer first_answer; /* with the question's tag, but for notices */

static void
answer_with(struct answer *answer, enum lode_store_msg type, const void *packet, size_t size)
{
    const struct lode_msg_head *question = (const void *)asked.bytes;
    struct lode_msg_head head = {.type = (uint8_t)type, .tag = question->tag};
    memcpy(answer->bytes, packet, size);
    memcpy(answer->bytes, &head, sizeof head);
    answer->size = size;
}

static void
answer_fd(struct answer *answer, int fd)
{
    if (answer->fd_count < LODE_SOCKET_FDS_MAX) {
        answer->fds[answer->fd_count] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        fuzz_expect(answer->fds[answer->fd_count] >= 0);
        answer->fd_count++;
    }
}

static void
welcome(struct answer *answer)
{
    struct lode_msg_welcome packet = {
        .major = LODE_STORE_WIRE_MAJOR, .row = ROW, .session = SESSION, .generation = GENERATION};
    answer_with(answer, LODE_MSG_WELCOME, &packet, sizeof packet);
    answer_fd(answer, index_fd);
    answer_fd(answer, file_fd);
    answer_fd(answer, bell_fd);
}

static void
segment(struct answer *answer)
{
    struct lode_msg_segment packet;
    memcpy(&packet, asked.bytes, sizeof packet);
    packet.bytes = SEGMENT_BYTES;
    answer_with(answer, LODE_MSG_SEGMENT_FD, &packet, sizeof packet);
    answer_fd(answer, segment_fd);
    answer_fd(answer, segment_fd);
}

static void
created(struct answer *answer)
{
    struct lode_msg_created packet = {.entry = OBJECTS + next_entry % ENTRIES, .generation = 1};
    packet.extent = lode_extent_make(0, (uint64_t)(next_entry++ % ENTRIES) * LODE_PAGE);
    answer_with(answer, LODE_MSG_CREATED, &packet, sizeof packet);
}

static void
found(struct answer *answer, lode_id id)
{
    struct lode_msg_found packet = {.status = fuzz_u8(script) % 8, .id = id};
    answer_with(answer, LODE_MSG_FOUND, &packet, sizeof packet);
}

static void
checked(struct answer *answer)
{
    struct {
        struct lode_msg_check msg;
        uint8_t bits[1024];
    } packet;
    memcpy(&packet.msg, asked.bytes, sizeof packet.msg);
    memset(packet.bits, fuzz_u8(script), sizeof packet.bits);
    uint32_t most = 8 * sizeof packet.bits, count = packet.msg.count;
    answer_with(answer, LODE_MSG_CHECKED, &packet,
                sizeof packet.msg + ((count < most ? count : most) + 7) / 8);
}

static void
info(struct answer *answer)
{
    struct {
        struct lode_msg_list head;
        lode_object_info info[1];
    } packet = {.head = {.count = 1, .cursor = fuzz_u8(script) % 4},
                .info = {{.state = LODE_STATE_SEALED,
                          .kind = LODE_KIND_ARRAY,
                          .array = {.dtype = LODE_F64, .ndim = 2, .shape = {2, 3}},
                          .size_bytes = 48}}};
    answer_with(answer, LODE_MSG_INFO, &packet, sizeof packet);
}

static void
names(struct answer *answer)
{
    struct {
        struct lode_msg_list head;
        struct lode_msg_name name;
        char text[8];
    } packet = {.head = {.count = 1, .cursor = fuzz_u8(script) % 4},
                .name = {.space_size = 3, .name_size = 4},
                .text = "onetwos"};
    answer_with(answer, LODE_MSG_NAMES, &packet, sizeof packet.head + sizeof packet.name + 7);
}

static void
kept(struct answer *answer)
{
    struct lode_msg_head packet = {0};
    answer_with(answer, LODE_MSG_KEPT, &packet, sizeof packet);
    answer_fd(answer, index_fd);
    answer_fd(answer, bell_fd);
}

/* The answer that an honest store gives. */
static void
answer_well(struct answer *answer)
{
    struct lode_msg_head head;
    struct lode_msg_lookup lookup;
    struct lode_msg_stats stats = {0};
    struct lode_msg_pins pins;
    memcpy(&head, asked.bytes, sizeof head);
    memcpy(&lookup, asked.bytes, sizeof lookup);
    switch (head.type) {
    case LODE_MSG_HELLO:
        welcome(answer);
        break;
    case LODE_MSG_SEGMENT:
        segment(answer);
        break;
    case LODE_MSG_CREATE:
    case LODE_MSG_PUT:
        created(answer);
        break;
    case LODE_MSG_LOOKUP:
        found(answer, lookup.id);
        break;
    case LODE_MSG_CHECK:
        checked(answer);
        break;
    case LODE_MSG_NAME_LOOKUP:
        found(answer, pristine[INLINE].id);
        break;
    case LODE_MSG_STAT:
    case LODE_MSG_LIST:
        info(answer);
        break;
    case LODE_MSG_NAME_LIST:
        names(answer);
        break;
    case LODE_MSG_STATS:
        answer_with(answer, LODE_MSG_STATS_ARE, &stats, sizeof stats);
        break;
    case LODE_MSG_GROW_PINS:
        memcpy(&pins, asked.bytes, sizeof pins);
        answer_with(answer, LODE_MSG_PINS, &pins, sizeof pins);
        break;
    case LODE_MSG_FORK:
        kept(answer);
        break;
    default:
        answer_with(answer, LODE_MSG_OK, &head, sizeof head);
    }
}

static void
answer_error(struct answer *answer)
{
    struct {
        struct lode_msg_error error;
        char text[40];
    } packet = {.error.err = fuzz_u8(script), .text = "the store does not feel like it today"};
    answer_with(answer, LODE_MSG_ERROR, &packet, sizeof packet.error + fuzz_u8(script) % 40);
}

static void
answer_notify(struct answer *answer)
{
    struct {
        struct lode_msg_watch head;
        struct lode_msg_ready ready[4];
    } packet = {.head = {.cookie = asked.watched, .count = fuzz_u8(script) % 6}};
    for (int i = 0; i < 4; i++) {
        packet.ready[i].id = fuzz_u8(script) % 4 == 0 ? pristine[INLINE].id : asked.watched_id;
        packet.ready[i].status = fuzz_u8(script) % 8;
    }
    answer_with(answer, LODE_MSG_NOTIFY, &packet, sizeof packet);
}

static void
answer_raw(struct answer *answer)
{
    answer->size = fuzz_u16(script) % sizeof answer->bytes + 1;
    fuzz_bytes(script, answer->bytes, answer->size);
}

/* Descriptors of other files, or more of them than there should be, or fewer. */
static void
spoil_fds(struct answer *answer)
{
    const int some[] = {index_fd, file_fd, segment_fd, bell_fd};
    uint8_t shape = fuzz_u8(script);
    while (answer->fd_count > shape % 5u) {
        close(answer->fds[--answer->fd_count]);
    }
    for (int i = 2; i < 8 && answer->fd_count < shape % 5u; i += 2) {
        answer_fd(answer, some[shape >> i & 3]);
    }
}

static void
spoil_bytes(struct answer *answer, int count)
{
    while (count-- > 0) {
        uint16_t at = fuzz_u16(script);
        answer->bytes[at % answer->size] = fuzz_u8(script);
    }
}

/* What the input's next op says. LODE_EDOWN: the store has died. */
static lode_err
next_answer(struct answer *answer)
{
    enum { WELL_MAX = 8 };
    uint8_t op = fuzz_u8(script);
    struct lode_msg_head head;
    switch (op % 16) {
    default:
        answer_well(answer);
        break;
    case WELL_MAX:
        answer_error(answer);
        break;
    case 9:
        answer_notify(answer);
        break;
    case 10:
        answer_raw(answer);
        break;
    case 11: /* for a moment nothing comes */
        clock_ns += INT64_C(1500000000);
        if ((op & 0x10) != 0 && meanwhile != NULL) {
            meanwhile();
        }
        return LODE_EAGAIN;
    case 12: /* to the question before */
        answer_well(answer);
        memcpy(&head, answer->bytes, sizeof head);
        head.tag = asked.tag_before;
        memcpy(answer->bytes, &head, sizeof head);
        break;
    case 13: /* with another size */
        answer_well(answer);
        answer->size = fuzz_u16(script) % 512 + 1;
        break;
    case 14:
        answer_well(answer);
        spoil_fds(answer);
        break;
    case 15:
        answer_well(answer);
        spoil_bytes(answer, 3);
        break;
    }
    spoil_bytes(answer, op >> 4 & 3);
    if (op >> 6 == 3) {
        spoil_fds(answer);
    }
    return LODE_OK;
}

lode_err __wrap_lode_socket_receive(int fd, int flags, void *buffer, size_t room, size_t *size_out,
                                    int *fds, size_t *fd_count_out);

lode_err
__wrap_lode_socket_receive(int fd, int flags, void *buffer, size_t room, size_t *size_out, int *fds,
                           size_t *fd_count_out)
{
    struct answer answer = {.size = 0};
    if (fds == NULL) {
        return other_receive(buffer, room, size_out);
    }
    fuzz_expect(fd >= 0 && room == LODE_STORE_PACKET_MAX);
    (void)flags;
    if (script->left == 0) {
        return lode_fail_with(LODE_EDOWN, "the other side is gone");
    }
    LODE_TRY(next_answer(&answer));
    memcpy(buffer, answer.bytes, answer.size);
    const struct lode_msg_head *question = (const void *)asked.bytes, *head = (void *)answer.bytes;
    if (asked.answered_bytes == 0 && answer.size >= sizeof *head && head->tag == question->tag &&
        head->type != LODE_MSG_NOTIFY) {
        asked.answered_bytes = answer.size;
        first_answer = answer;
    }
    memcpy(fds, answer.fds, sizeof answer.fds);
    *size_out = answer.size;
    *fd_count_out = answer.fd_count;
    return LODE_OK;
}

#endif
