/*
 * glob: patterns as Redis's KEYS takes them: * ? [a-z] [^a-z] and \x for a
 * plain x. Takes time O(pattern * text), whatever the pattern.
 */
#ifndef KV_GLOB_H
#define KV_GLOB_H

#include "buffer.h"

/* 1 when the whole text matches. */
int kv_glob_match(struct kv_slice pattern, struct kv_slice text);

#endif
