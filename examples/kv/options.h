/*
 * options: the command line of craft-kv.
 */
#ifndef KV_OPTIONS_H
#define KV_OPTIONS_H

#include "craft/host.h"

enum {
    KV_ADDRESS_MAX = 300,
    KV_CLIENTS_MAX = 60000 /* a slot stands in 16 bits of a token */
};

struct kv_options {
    craft_id id;
    const char *data_dir;
    const char *client; /* host:port for clients */
    craft_host_server servers[CRAFT_MEMBERS_MAX];
    char addresses[CRAFT_MEMBERS_MAX][KV_ADDRESS_MAX];
    size_t servers_len;
    uint32_t tick_ms;
    uint32_t election_ticks;
    uint32_t heartbeat_ticks;
    uint32_t priority;
    uint32_t timeout_ms;
    uint32_t clients_max;
    uint32_t wal_inline;
    uint32_t segment_bytes;  /* of the log's files */
    uint32_t snapshot_bytes; /* of the log, until a snapshot */
    uint32_t keep_bytes;     /* of the log before one */
    uint32_t has_leases;     /* reads by the clock */
    uint32_t clock_drift_ppm;
    uint32_t is_passive; /* it never campaigns by itself */
    uint32_t is_verbose;
};

enum kv_options_result {
    KV_OPTIONS_RUN = 0,
    KV_OPTIONS_HELP = 1, /* shown on stdout */
    KV_OPTIONS_WRONG = 2 /* told on stderr in one line */
};

int kv_options_parse(struct kv_options *options, int argc, char **argv);

#endif
