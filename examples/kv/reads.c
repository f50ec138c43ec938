/*
 * Reads, without the log: the node confirms that this server leads, or asks
 * the one that does, and says when everything that was acknowledged before is
 * applied here. Then they are answered from the store.
 *
 * All reads of a turn are one question. Its token is the number of reads that
 * it covers, counted from the start: an answer to a later question answers
 * all earlier reads as well, in their order.
 */
#include "server.h"

#include <string.h>

static uint64_t count(const struct kv_server *server)
{
    const struct kv_reads *reads = &server->reads;

    return reads->answered + kv_buffer_len(&reads->tokens) / sizeof(uint64_t);
}

void kv_reads_add(struct kv_client *client, uint64_t serial)
{
    struct kv_reads *reads = &client->server->reads;
    uint64_t token = kv_replica_token(client, serial);

    kv_buffer_append(&reads->tokens, &token, sizeof token);
}

int kv_reads_ask(struct kv_server *server)
{
    struct kv_reads *reads = &server->reads;
    uint64_t answered = reads->answered;
    uint64_t asked = reads->asked;
    uint64_t all = count(server);

    if (asked == all) {
        return 0;
    }
    reads->asked = all; /* the end may come before the call returns */
    if (craft_host_read(server->host,
                        (uint64_t)KV_TOKEN_READS << KV_TOKEN_SHIFT | all) !=
        0) {
        reads->asked = asked; /* no leader, or busy: at the next turn */
    }
    return reads->answered != answered;
}

/* The client that the oldest read is of; NULL = it has gone, or was told that
 * its time is over. */
static struct kv_client *oldest(struct kv_server *server, uint64_t *serial)
{
    uint64_t token;

    memcpy(&token, kv_buffer_data(&server->reads.tokens), sizeof token);
    return kv_replica_find(server, token, KV_REQUEST_ASKED, serial);
}

static void take_oldest(struct kv_reads *reads)
{
    kv_buffer_consume(&reads->tokens, sizeof(uint64_t));
    reads->answered++;
    if (reads->asked < reads->answered) {
        reads->asked = reads->answered;
    }
}

static void answer_oldest(struct kv_server *server)
{
    uint64_t serial = 0;
    struct kv_client *client = oldest(server, &serial);

    take_oldest(&server->reads);
    if (client != NULL) {
        struct kv_pipeline *pipeline = &client->pipeline;

        (void)kv_replica_run(
            client, serial,
            kv_pipeline_op(pipeline, kv_pipeline_find(pipeline, serial)));
    }
}

void kv_reads_done(struct kv_server *server, uint64_t token, int result)
{
    struct kv_reads *reads = &server->reads;
    uint64_t covered = token & (((uint64_t)1 << KV_TOKEN_SHIFT) - 1);

    if (result != CRAFT_RESULT_OK) {
        reads->asked = reads->answered; /* another leader: all again */
        return;
    }
    while (reads->answered < covered) {
        answer_oldest(server);
    }
}

void kv_reads_prune(struct kv_server *server)
{
    uint64_t serial;

    while (kv_buffer_len(&server->reads.tokens) > 0 &&
           oldest(server, &serial) == NULL) {
        take_oldest(&server->reads);
    }
}

void kv_reads_free(struct kv_server *server)
{
    kv_buffer_free(&server->reads.tokens);
}
