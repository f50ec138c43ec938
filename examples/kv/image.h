/*
 * image: the whole state as bytes, for snapshots.
 *
 * The number of pairs, each pair (lengths of key and value, both), their sum;
 * the length of the sessions and they, as craft/session.h saves them. Numbers
 * are little-endian, of 8 bytes.
 */
#ifndef KV_IMAGE_H
#define KV_IMAGE_H

#include "craft/host.h"

#include "store.h"

/* Calls no allocator: for a forked child. 0, or -1. */
int kv_image_save(const struct kv_store *store, craft_host_sink *sink);
/* In place of what the store holds; 0, or -1 with a store of anything. */
int kv_image_load(struct kv_store *store, craft_host_source *source);

#endif
