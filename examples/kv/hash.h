/*
 * hash: SipHash-1-3 of bytes, keyed by a seed. Good enough against chosen
 * keys, quick enough for every write, and the same on every machine, which
 * the digest of the state needs.
 */
#ifndef KV_HASH_H
#define KV_HASH_H

#include "buffer.h"

uint64_t kv_hash(uint64_t seed, struct kv_slice bytes);

#endif
