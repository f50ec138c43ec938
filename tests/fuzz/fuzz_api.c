/*
 * A cluster of one to three servers and everything that a host, a network and
 * a disk can do to it. Judged after each operation: craft_check(), Figure 3.2,
 * promises by the disk alone (tests/support/cluster.h); and in the end all
 * must agree when nothing goes wrong any more.
 *
 * Input: the number of servers, options, then operations (ops.h).
 */
#include "ops.h"

#define INPUT_MAX 2048u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ops ops = {{data, len < INPUT_MAX ? len : INPUT_MAX}, NULL, 0, 0};
    uint32_t how = fuzz_byte(&ops.in);
    struct cluster_options options = ops_options(&ops.in, 1 + how % 3);

    ops.cluster = cluster_new(&options);
    ops.cluster->trace = getenv("CRAFT_TRACE") != NULL;
    ops_begin(&ops);
    while (ops.in.len > 0) {
        ops_step(&ops);
    }
    if (how < 128) {
        cluster_converge(ops.cluster);
    }
    cluster_free(ops.cluster);
    return 0;
}
