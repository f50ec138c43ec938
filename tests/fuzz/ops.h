/*
 * ops: bytes that say what happens to a cluster (tests/support/cluster.h),
 * one operation after the other. Everything that a host can do, and much that
 * it should not; the cluster judges all the while.
 */
#ifndef FUZZ_OPS_H
#define FUZZ_OPS_H

#include "cluster.h"
#include "fuzz.h"

struct ops {
    struct fuzz_input in;
    struct cluster *cluster;
    uint32_t depth; /* of operations inside of hooks */
    uint64_t count; /* of operations, those inside of hooks too */
};

/* Options of a cluster, all of them drawn from bytes but nodes. */
struct cluster_options ops_options(struct fuzz_input *in, uint32_t nodes);

/* With the operations inside of hooks too, when the bytes say so. */
void ops_begin(struct ops *ops);

/* The next operation. */
void ops_step(struct ops *ops);

/* Whether the server runs; a server at random. */
bool ops_is_up(struct ops *ops, uint32_t position);
uint32_t ops_position(struct ops *ops);

#endif
