/*
 * store: the replicated state: the table of keys and values, and the sessions
 * of clients (sessions.h). An image of it holds both.
 *
 * Chained hashing with doubling; values that fit are overwritten in place.
 * The digest is a sum over all pairs, so it is kept up to date by every
 * write, does not depend on the order of writes, and costs nothing to read but
 * for what the sessions hold: two servers that have applied the same log have
 * the same digest.
 */
#ifndef KV_STORE_H
#define KV_STORE_H

#include "buffer.h"
#include "sessions.h"

struct kv_item; /* one pair */

struct kv_store {
    struct kv_item **buckets; /* [mask + 1] */
    size_t mask;
    size_t len;   /* pairs */
    size_t bytes; /* of all keys and values */
    uint64_t sum; /* of the hashes of all pairs */
    craft_sessions *sessions;
    uint64_t index; /* of the entry that is applied; no part of the state */
};

void kv_store_init(struct kv_store *store);
void kv_store_free(struct kv_store *store);

/* 1 and the value, valid until the next write; 0 when there is no such key. */
int kv_store_get(const struct kv_store *store, struct kv_slice key,
                 struct kv_slice *value);

/* Both are copied; neither may point into the store. */
void kv_store_set(struct kv_store *store, struct kv_slice key,
                  struct kv_slice value);

/* Returns the length of the value after it; an absent key begins empty. */
size_t kv_store_append(struct kv_store *store, struct kv_slice key,
                       struct kv_slice tail);

/* 1 when the key was there. */
int kv_store_delete(struct kv_store *store, struct kv_slice key);

/* Every key once, in no order. The store must not be changed meanwhile. */
void kv_store_each(const struct kv_store *store,
                   void (*each)(void *ctx, struct kv_slice key), void *ctx);

/* The same with the values. */
void kv_store_each_pair(const struct kv_store *store,
                        void (*each)(void *ctx, struct kv_slice key,
                                     struct kv_slice value),
                        void *ctx);

uint64_t kv_store_digest(const struct kv_store *store);

#endif
