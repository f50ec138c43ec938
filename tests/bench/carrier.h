/*
 * carrier: what both hosts of the core's benchmark have in common, so that
 * the difference between them is Raft.
 *
 * A queue of messages, first in, first out, in one ring of bytes; and a log of
 * entries with their data in another, which stands for a disk. Nothing here
 * allocates after the start.
 */
#ifndef CRAFT_BENCH_CARRIER_H
#define CRAFT_BENCH_CARRIER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "craft.h"

#define BENCH_CHECK(condition)                                                 \
    ((condition) ? (void)0 : bench_failed(#condition, __FILE__, __LINE__))

static inline void bench_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}

/*
 * Each block begins at another place of its page: what is copied between
 * blocks that begin alike looks to the CPU like a store into its source.
 */
static inline void *bench_alloc(size_t size)
{
    static size_t blocks;
    size_t shift = ++blocks * 576 % 4096;
    uint8_t *memory = calloc(1, size + shift);

    BENCH_CHECK(memory != NULL);
    return memory + shift;
}

/* ------------------------------------------------------------------- queue */

struct frame {
    uint32_t len; /* of what follows; UINT32_MAX: go on at the beginning */
    uint32_t to;  /* 0 .. 2 */
};

struct queue {
    uint8_t *data; /* [size] */
    size_t size;
    size_t head;
    size_t tail;
    size_t frames_len;
};

static inline void queue_init(struct queue *queue, size_t size)
{
    memset(queue, 0, sizeof *queue);
    queue->data = bench_alloc(size);
    queue->size = size;
}

/* A place for a frame of at most len_max bytes. */
static inline uint8_t *queue_reserve(struct queue *queue, size_t len_max)
{
    size_t space = sizeof(struct frame) + len_max;

    if (queue->size - queue->tail < space + sizeof(struct frame)) {
        struct frame end = {.len = UINT32_MAX, .to = 0};

        BENCH_CHECK(queue->head <= queue->tail);
        memcpy(queue->data + queue->tail, &end, sizeof end);
        queue->tail = 0;
    }
    BENCH_CHECK(queue->head <= queue->tail ||
                queue->head - queue->tail > space);
    return queue->data + queue->tail + sizeof(struct frame);
}

/* The place that was reserved has been filled in. */
static inline void queue_push(struct queue *queue, uint32_t to, size_t len)
{
    struct frame frame = {.len = (uint32_t)len, .to = to};

    memcpy(queue->data + queue->tail, &frame, sizeof frame);
    queue->tail += sizeof frame + ((len + 7) & ~(size_t)7);
    queue->frames_len++;
}

/* The oldest frame; it stays where it is until queue_pop(). */
static inline const uint8_t *queue_front(struct queue *queue,
                                         struct frame *frame)
{
    BENCH_CHECK(queue->frames_len > 0);
    memcpy(frame, queue->data + queue->head, sizeof *frame);
    if (frame->len == UINT32_MAX) {
        queue->head = 0;
        memcpy(frame, queue->data, sizeof *frame);
    }
    return queue->data + queue->head + sizeof *frame;
}

static inline void queue_pop(struct queue *queue, const struct frame *frame)
{
    queue->head += sizeof *frame + ((frame->len + 7) & ~(size_t)7);
    queue->frames_len--;
}

/* ------------------------------------------------------------------- store */

/* Entries first .. last, with a copy of their data. */
struct store {
    craft_entry *entries; /* [mask + 1] */
    uint64_t mask;
    uint64_t entries_max;
    craft_index first;
    craft_index last;
    uint8_t *data; /* [size] */
    size_t size;
    size_t used;
};

/* At most entries_max entries of at most data_len_max bytes each. */
static inline void store_init(struct store *store, size_t entries_max,
                              size_t data_len_max)
{
    size_t slots = 1;

    while (slots < entries_max) {
        slots *= 2;
    }
    memset(store, 0, sizeof *store);
    store->entries = bench_alloc(slots * sizeof *store->entries);
    store->mask = slots - 1;
    store->first = 1;
    store->entries_max = entries_max;
    /* One more, for what the end of the ring leaves unused. */
    store->size = (entries_max + 1) * data_len_max;
    store->data = bench_alloc(store->size);
}

static inline void store_append(struct store *store, const craft_entry *entry)
{
    craft_entry *copy;
    uint8_t *data;

    BENCH_CHECK(entry->index == store->last + 1);
    BENCH_CHECK(store->last + 1 - store->first < store->entries_max);
    if (entry->data_len > store->size - store->used) {
        store->used = 0;
    }
    store->last++;
    copy = &store->entries[store->last & store->mask];
    data = store->data + store->used;
    /* Field by field: entries that were just built are not read in halves. */
    copy->index = entry->index;
    copy->term = entry->term;
    copy->token = entry->token;
    copy->kind = entry->kind;
    copy->reserved = 0;
    copy->data = data;
    copy->data_len = entry->data_len;
    if (entry->data_len > 0) {
        memcpy(data, entry->data, entry->data_len);
    }
    store->used += entry->data_len;
}

/* Entries up to index are wanted no more. */
static inline void store_release(struct store *store, craft_index index)
{
    if (index >= store->first) {
        BENCH_CHECK(index <= store->last);
        store->first = index + 1;
    }
}

#endif
