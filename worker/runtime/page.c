#include "worker/runtime/page.h"

static void
name_begun(struct lode_worker_page *page, uint64_t nth, uint64_t task)
{
    atomic_store_explicit(&page->begun[nth % LODE_WORKER_BEGUN_MAX], task, memory_order_relaxed);
}

void
page_begin(struct lode_worker_page *page, uint64_t nth, uint64_t task)
{
    name_begun(page, nth, task);
    atomic_store_explicit(&page->started, task, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst); /* the user's code, and its crash, come behind it */
}

void
page_finish(struct lode_worker_page *page)
{
    uint64_t task = atomic_load_explicit(&page->started, memory_order_relaxed);
    atomic_store_explicit(&page->finished, task, memory_order_release);
}

void
page_hand_back(struct lode_worker_page *page, uint64_t nth)
{
    name_begun(page, nth, 0);
}
