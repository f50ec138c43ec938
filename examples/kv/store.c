#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"

enum {
    BUCKETS_MIN = 1024
};

static const uint64_t key_seed = 0x9ae16a3b2f90404f;

struct kv_item {
    struct kv_item *next;
    uint64_t hash; /* of the key */
    uint64_t pair; /* of key and value: its part of the digest */
    size_t key_len;
    size_t value_len;
    size_t value_max; /* room behind the key */
    uint8_t bytes[];  /* the key, then the value */
};

void kv_store_init(struct kv_store *store)
{
    memset(store, 0, sizeof *store);
    store->buckets = kv_realloc(NULL, BUCKETS_MIN * sizeof(void *));
    memset(store->buckets, 0, BUCKETS_MIN * sizeof(void *));
    store->mask = BUCKETS_MIN - 1;
    store->sessions = kv_sessions_new();
}

void kv_store_free(struct kv_store *store)
{
    for (size_t i = 0; store->buckets != NULL && i <= store->mask; i++) {
        while (store->buckets[i] != NULL) {
            struct kv_item *item = store->buckets[i];

            store->buckets[i] = item->next;
            free(item);
        }
    }
    free(store->buckets);
    craft_sessions_free(store->sessions);
    memset(store, 0, sizeof *store);
}

/* The link that leads to the key's item, or to NULL at the chain's end. */
static struct kv_item **find(const struct kv_store *store, uint64_t hash,
                             struct kv_slice key)
{
    struct kv_item **link = &store->buckets[hash & store->mask];

    while (*link != NULL) {
        const struct kv_item *item = *link;

        if (item->hash == hash && item->key_len == key.len &&
            (key.len == 0 || memcmp(item->bytes, key.data, key.len) == 0)) {
            break;
        }
        link = &(*link)->next;
    }
    return link;
}

static void grow(struct kv_store *store)
{
    size_t buckets_len = (store->mask + 1) * 2;
    struct kv_item **buckets = kv_realloc(NULL, buckets_len * sizeof(void *));

    memset(buckets, 0, buckets_len * sizeof(void *));
    for (size_t i = 0; i <= store->mask; i++) {
        struct kv_item *item = store->buckets[i];

        while (item != NULL) {
            struct kv_item *next = item->next;
            struct kv_item **bucket = &buckets[item->hash & (buckets_len - 1)];

            item->next = *bucket;
            *bucket = item;
            item = next;
        }
    }
    free(store->buckets);
    store->buckets = buckets;
    store->mask = buckets_len - 1;
}

static uint8_t *value_of(struct kv_item *item)
{
    return item->bytes + item->key_len;
}

/* Take the item's value, as it is now, into the digest. */
static void count_in(struct kv_store *store, struct kv_item *item)
{
    struct kv_slice value = {value_of(item), item->value_len};

    item->pair = kv_hash(item->hash, value);
    store->sum += item->pair;
    store->bytes += item->key_len + item->value_len;
}

static void count_out(struct kv_store *store, const struct kv_item *item)
{
    store->sum -= item->pair;
    store->bytes -= item->key_len + item->value_len;
}

/*
 * The item of the key with room for value_len bytes, counted out of the
 * digest; made, with an empty value, when it is missing.
 */
static struct kv_item *open_item(struct kv_store *store, struct kv_slice key,
                                 size_t value_len)
{
    uint64_t hash = kv_hash(key_seed, key);
    struct kv_item **link = find(store, hash, key);
    struct kv_item *item = *link;
    int is_new = item == NULL;

    if (!is_new) {
        count_out(store, item);
    }
    if (is_new || item->value_max < value_len) {
        size_t value_max = value_len;

        /* One that grows, grows again: appending stays linear. */
        if (!is_new) {
            value_max += value_len / 2;
        }
        item = kv_realloc(item, sizeof *item + key.len + value_max);
        item->value_max = value_max;
        *link = item;
    }
    if (!is_new) {
        return item;
    }
    item->next = NULL;
    item->hash = hash;
    item->key_len = key.len;
    item->value_len = 0;
    if (key.len > 0) {
        memcpy(item->bytes, key.data, key.len);
    }
    store->len++;
    if (store->len > store->mask) {
        grow(store);
    }
    return item;
}

int kv_store_get(const struct kv_store *store, struct kv_slice key,
                 struct kv_slice *value)
{
    struct kv_item *item = *find(store, kv_hash(key_seed, key), key);

    if (item == NULL) {
        return 0;
    }
    value->data = value_of(item);
    value->len = item->value_len;
    return 1;
}

void kv_store_set(struct kv_store *store, struct kv_slice key,
                  struct kv_slice value)
{
    struct kv_item *item = open_item(store, key, value.len);

    if (value.len > 0) {
        memcpy(value_of(item), value.data, value.len);
    }
    item->value_len = value.len;
    count_in(store, item);
}

size_t kv_store_append(struct kv_store *store, struct kv_slice key,
                       struct kv_slice tail)
{
    struct kv_slice old = {NULL, 0};
    struct kv_item *item;

    (void)kv_store_get(store, key, &old);
    item = open_item(store, key, old.len + tail.len);
    if (tail.len > 0) {
        memcpy(value_of(item) + item->value_len, tail.data, tail.len);
    }
    item->value_len += tail.len;
    count_in(store, item);
    return item->value_len;
}

int kv_store_delete(struct kv_store *store, struct kv_slice key)
{
    struct kv_item **link = find(store, kv_hash(key_seed, key), key);
    struct kv_item *item = *link;

    if (item == NULL) {
        return 0;
    }
    count_out(store, item);
    *link = item->next;
    free(item);
    store->len--;
    return 1;
}

void kv_store_each(const struct kv_store *store,
                   void (*each)(void *ctx, struct kv_slice key), void *ctx)
{
    for (size_t i = 0; i <= store->mask; i++) {
        const struct kv_item *item = store->buckets[i];

        for (; item != NULL; item = item->next) {
            struct kv_slice key = {item->bytes, item->key_len};

            each(ctx, key);
        }
    }
}

void kv_store_each_pair(const struct kv_store *store,
                        void (*each)(void *ctx, struct kv_slice key,
                                     struct kv_slice value),
                        void *ctx)
{
    for (size_t i = 0; i <= store->mask; i++) {
        const struct kv_item *item = store->buckets[i];

        for (; item != NULL; item = item->next) {
            struct kv_slice key = {item->bytes, item->key_len};
            struct kv_slice value = {item->bytes + item->key_len,
                                     item->value_len};

            each(ctx, key, value);
        }
    }
}

uint64_t kv_store_digest(const struct kv_store *store)
{
    /* The count tells an empty store from one whose hashes cancel out. */
    const uint64_t words[3] = {store->sum, store->len,
                               kv_sessions_digest(store->sessions)};
    uint8_t bytes[sizeof words];
    struct kv_slice slice = {bytes, sizeof bytes};

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(words[i / 8] >> (8 * (i % 8)));
    }
    return kv_hash(key_seed, slice);
}
