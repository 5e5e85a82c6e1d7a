#include "scheduler/libraries/offers_kept.h"

#include "api/base/fail.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

struct head {
    uint64_t turn; /* the later of both places counts */
    uint64_t size;
    uint64_t digest; /* of the list, and of the two numbers above */
};

static off_t
place_of(uint64_t turn)
{
    return (off_t)(turn % 2) * (off_t)(sizeof(struct head) + OFFERS_BYTES_MAX);
}

static uint64_t
digest_of(const struct head *head, const char *list)
{
    uint64_t of_numbers = XXH3_64bits(head, offsetof(struct head, digest));
    return XXH3_64bits_withSeed(list, head->size, of_numbers);
}

/* NULL: there is no list at that place. Free it. */
static char *
read_place(int fd, uint64_t place, struct head *head_out)
{
    struct head head;
    off_t at = place_of(place);
    if (pread(fd, &head, sizeof head, at) != (ssize_t)sizeof head || head.turn == 0 ||
        head.size > OFFERS_BYTES_MAX) {
        return NULL;
    }
    char *list = malloc(head.size + 1);
    if (list != NULL &&
        (pread(fd, list, head.size, at + (off_t)sizeof head) != (ssize_t)head.size ||
         digest_of(&head, list) != head.digest)) {
        free(list);
        list = NULL;
    }
    *head_out = head;
    return list;
}

static void
tell_each(const char *list, size_t size, offers_each_fn each, void *arg)
{
    const char *end = list + size;
    while (list < end) {
        const char *source = list + strlen(list) + 1;
        each(list, source, arg);
        list = source + strlen(source) + 1;
    }
}

void
offers_read(struct offers_kept *kept, offers_each_fn each, void *arg)
{
    struct head head[2];
    char *list[2];
    for (uint64_t i = 0; i < 2; i++) {
        list[i] = kept->fd >= 0 ? read_place(kept->fd, i, &head[i]) : NULL;
    }
    int last = list[0] == NULL || (list[1] != NULL && head[1].turn > head[0].turn);
    if (list[last] != NULL) {
        kept->turn = head[last].turn;
        tell_each(list[last], head[last].size, each, arg);
    }
    free(list[0]);
    free(list[1]);
}

static bool
write_all(int fd, const void *bytes, size_t size, off_t at)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = pwrite(fd, (const char *)bytes + done, size - done, at + (off_t)done);
        if (put < 0 && errno != EINTR) {
            return false;
        }
        done += put > 0 ? (size_t)put : 0;
    }
    return true;
}

lode_err
offers_write(struct offers_kept *kept, const char *list, uint32_t size)
{
    struct head head = {.turn = kept->turn + 1, .size = size};
    if (kept->fd < 0) {
        return LODE_OK;
    }
    if (size > OFFERS_BYTES_MAX) {
        return lode_fail_with(LODE_ELIMIT,
                              "what is offered to all has %u bytes of names and paths; at most %d "
                              "outlive the scheduler",
                              size, OFFERS_BYTES_MAX);
    }
    head.digest = digest_of(&head, list);
    off_t at = place_of(head.turn);
    if (!write_all(kept->fd, list, size, at + (off_t)sizeof head) ||
        !write_all(kept->fd, &head, sizeof head, at)) {
        return lode_fail_errno("cannot keep what is offered to all");
    }
    kept->turn = head.turn;
    return LODE_OK;
}
