#include "scheduler/core/libraries/offers.h"

#include "scheduler/core/state/actions.h"

#include <stdlib.h>
#include <string.h>

struct core_offer *
core_offer_find(const struct core *core, const char *name, size_t size)
{
    struct core_offer *offer = core->offers;
    while (offer != NULL &&
           !(strlen(offer->name) == size && memcmp(offer->name, name, size) == 0)) {
        offer = offer->next;
    }
    return offer;
}

struct core_offer *
core_offer_add(struct core *core, const char *name, struct core_load *load)
{
    struct core_offer *offer = core_alloc(sizeof *offer);
    *offer = (struct core_offer){.next = core->offers, .load = load};
    offer->name = core_copy_text(name);
    offer->source = core_copy_text(load->source);
    load->offer = offer;
    core->offers = offer;
    return offer;
}

static void
leave_load(struct core_offer *offer)
{
    if (offer->load != NULL) {
        offer->load->offer = NULL;
        offer->load = NULL;
    }
}

void
core_offer_lose(struct core *core, struct core_offer *offer, const char *why)
{
    leave_load(offer);
    free(offer->why);
    offer->why = core_copy_text(why);
    core_log(core, "LIBRARY-LOST", "\"%s\" was offered to all programs, and is not there now: %s",
             offer->name, why);
}

static void
free_offer(struct core_offer *offer)
{
    leave_load(offer);
    free(offer->name);
    free(offer->source);
    free(offer->why);
    free(offer);
}

void
core_offer_drop(struct core *core, const char *name)
{
    struct core_offer **at = &core->offers, *offer;
    while ((offer = *at) != NULL && strcmp(offer->name, name) != 0) {
        at = &offer->next;
    }
    if (offer != NULL) {
        *at = offer->next;
        free_offer(offer);
    }
}

/* Adds a pair of texts to what `*to_io` points at; NULL: only counts. */
static uint32_t
add_pair(char **to_io, const char *name, const char *source)
{
    size_t name_size = strlen(name) + 1, source_size = strlen(source) + 1;
    if (*to_io != NULL) {
        memcpy(*to_io, name, name_size);
        memcpy(*to_io + name_size, source, source_size);
        *to_io += name_size + source_size;
    }
    return (uint32_t)(name_size + source_size);
}

static uint32_t
add_all(const struct core *core, char *to)
{
    uint32_t size = 0;
    for (const struct core_named *n = core->offered.first; n != NULL; n = n->next) {
        size += n->library->is_builtin ? 0 : add_pair(&to, n->library->name, n->source);
    }
    for (const struct core_offer *offer = core->offers; offer != NULL; offer = offer->next) {
        size += add_pair(&to, offer->name, offer->source);
    }
    return size;
}

void
core_offers_tell(struct core *core)
{
    uint32_t size = add_all(core, NULL);
    add_all(core, core_emit(core, CORE_OFFERED, 0, 0, 0, size));
}

void
core_offers_fini(struct core *core)
{
    struct core_offer *offer;
    while ((offer = core->offers) != NULL) {
        core->offers = offer->next;
        free_offer(offer);
    }
}
