/*
 * inbox: what other threads hand to the loop thread.
 *
 * A bounded queue of requests and of functions to call, in the order in which
 * they came. Two buffers: threads fill one under the lock, the loop takes the
 * whole of it at once and works through it without the lock.
 *
 * Invariant: bytes in both buffers stay within bytes_max; what was taken in
 * comes out exactly once.
 */
#ifndef CRAFT_HOST_INBOX_H
#define CRAFT_HOST_INBOX_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "host/buffer.h"
#include "host/wake.h"

struct craft_inbox {
    pthread_mutex_t lock;
    struct craft_wake *wake;
    size_t bytes_max;
    size_t waiting_bytes;        /* in both; under the lock */
    int closed;                  /* under the lock */
    struct craft_buffer filling; /* under the lock */
    struct craft_buffer taken;   /* the loop thread's */
    size_t taken_bytes;          /* counted in waiting_bytes */
};

enum craft_inbox_kind {
    CRAFT_INBOX_COMMAND = 0, /* data, token */
    CRAFT_INBOX_READ,        /* token */
    CRAFT_INBOX_TRANSFER,    /* target, token */
    CRAFT_INBOX_CALL         /* function, ctx */
};

struct craft_inbox_item {
    enum craft_inbox_kind kind;
    const uint8_t *data; /* [data_len] */
    size_t data_len;
    uint64_t token;
    uint64_t target;
    void (*function)(void *ctx);
    void *ctx;
    size_t taken; /* to be handed to craft_inbox_next() */
};

int craft_inbox_open(struct craft_inbox *inbox, size_t bytes_max,
                     struct craft_wake *wake);
void craft_inbox_free(struct craft_inbox *inbox);

/* Any thread. 0, CRAFT_ERR_BUSY or CRAFT_ERR_STOPPED. item->taken is unused. */
int craft_inbox_put(struct craft_inbox *inbox,
                    const struct craft_inbox_item *item);

/* The loop thread: the item in front, 1, or 0: none. It stays in front, its
 * data valid, until craft_inbox_next(). */
int craft_inbox_front(struct craft_inbox *inbox, struct craft_inbox_item *item);
void craft_inbox_next(struct craft_inbox *inbox,
                      const struct craft_inbox_item *item);

/* Nothing more is taken in. */
void craft_inbox_close(struct craft_inbox *inbox);

#endif
