/* RAFT: what an operator asks of the group. */
#include "server.h"

#include <stdio.h>
#include <string.h>

enum {
    TEXT_MAX = 160,
    LINE_MAX_BYTES = 2048 /* 64 servers of 20 digits, and the rest */
};

static void say_who_leads(craft_id leader, char text[TEXT_MAX])
{
    if (leader == 0) {
        snprintf(text, TEXT_MAX, "NOTLEADER no leader is known: ask later");
    } else {
        snprintf(text, TEXT_MAX, "NOTLEADER server %llu leads: ask that one",
                 (unsigned long long)leader);
    }
}

static void say_why(struct kv_server *server, craft_id target, int error,
                    char text[TEXT_MAX])
{
    unsigned long long id = (unsigned long long)target;
    craft_status status = {.struct_size = sizeof status};

    (void)craft_node_status(craft_host_node(server->host), &status);
    if (status.role != CRAFT_ROLE_LEADER) {
        say_who_leads(status.leader, text);
        return;
    }
    switch (error) {
    case CRAFT_ERR_INVALID:
        snprintf(text, TEXT_MAX, "ERR server %llu leads already", id);
        break;
    case CRAFT_ERR_UNKNOWN_ID:
        snprintf(text, TEXT_MAX, "ERR server %llu is not of this cluster", id);
        break;
    case CRAFT_ERR_NOT_VOTER:
        if (target != 0) {
            snprintf(text, TEXT_MAX, "ERR server %llu has no vote", id);
        } else {
            snprintf(text, TEXT_MAX, "ERR no other voter was heard lately");
        }
        break;
    case CRAFT_ERR_BUSY:
        snprintf(text, TEXT_MAX, "ERR leadership is being handed over already");
        break;
    default:
        snprintf(text, TEXT_MAX, "ERR %s", craft_strerror(error));
        break;
    }
}

void kv_raft_transfer(struct kv_client *client, uint64_t serial,
                      craft_id target, struct kv_buffer *reply)
{
    struct kv_server *server = client->server;
    int rv = craft_host_transfer(server->host, target,
                                 (uint64_t)KV_TOKEN_TRANSFER << KV_TOKEN_SHIFT);

    if (rv != 0) {
        char text[TEXT_MAX];

        say_why(server, target, rv, text);
        kv_reply_error(reply, text);
        return;
    }
    /* Its end is told in a later delivery, and one is under way at a time. */
    server->transfer = kv_replica_token(client, serial);
    kv_pipeline_asked(&client->pipeline, serial);
}

void kv_raft_transferred(struct kv_server *server, int result)
{
    uint64_t serial;
    struct kv_client *client =
        kv_replica_find(server, server->transfer, KV_REQUEST_ASKED, &serial);

    if (client == NULL) {
        return;
    }
    if (result == CRAFT_RESULT_OK) {
        kv_reply_simple(
            kv_pipeline_reply(&client->pipeline, serial, &client->out), "OK");
        kv_pipeline_answered(&client->pipeline, serial, &client->out);
        kv_client_note(client);
    } else if (result == CRAFT_RESULT_TIMEOUT) {
        kv_client_fail(client, serial,
                       "TIMEOUT that server did not take over within an "
                       "election timeout");
    } else {
        kv_client_fail(client, serial, "TIMEOUT the server is stopping");
    }
}

/* --------------------------------------------------------------- snapshot */

static const char *why_no_snapshot(int error)
{
    switch (error) {
    case CRAFT_ERR_INVALID:
        return "ERR nothing was applied since the last snapshot";
    case CRAFT_ERR_BUSY:
        return "ERR a snapshot is being taken already";
    case CRAFT_ERR_STATE:
        return "ERR this server is of no group yet";
    case CRAFT_ERR_STOPPED:
        return "ERR the server is stopping";
    case CRAFT_HOST_ERR_SYSTEM:
        return "ERR no process can be forked";
    default:
        return "ERR the snapshot could not be written: see the server's log";
    }
}

void kv_raft_snapshot(struct kv_client *client, uint64_t serial,
                      struct kv_buffer *reply)
{
    struct kv_server *server = client->server;
    int rv = craft_host_snapshot(server->host);

    if (rv != 0) {
        kv_reply_error(reply, why_no_snapshot(rv));
        return;
    }
    server->snapshot = kv_replica_token(client, serial);
    kv_pipeline_asked(&client->pipeline, serial);
}

void kv_raft_saved(struct kv_server *server, int error)
{
    uint64_t serial;
    struct kv_client *client =
        kv_replica_find(server, server->snapshot, KV_REQUEST_ASKED, &serial);

    server->snapshot = UINT64_MAX;
    if (client == NULL) {
        return;
    }
    if (error != 0) {
        kv_client_fail(client, serial,
                       error == CRAFT_ERR_INVALID
                           ? "ERR a newer snapshot came in between"
                           : why_no_snapshot(error));
        return;
    }
    kv_reply_simple(kv_pipeline_reply(&client->pipeline, serial, &client->out),
                    "OK");
    kv_pipeline_answered(&client->pipeline, serial, &client->out);
    kv_client_note(client);
}

/* ---------------------------------------------------------------- explain */

struct explain {
    uint64_t token; /* of the request */
    uint64_t subject;
    uint32_t question;
};

void kv_raft_explain(struct kv_client *client, uint64_t serial,
                     uint32_t question, uint64_t subject)
{
    struct explain asked;

    memset(&asked, 0, sizeof asked);
    asked.token = kv_replica_token(client, serial);
    asked.question = question;
    asked.subject = subject;
    kv_buffer_append(&client->server->explains, &asked, sizeof asked);
    kv_pipeline_asked(&client->pipeline, serial);
}

static void explain_one(const craft_node *node, uint32_t question,
                        uint64_t subject, struct kv_buffer *text)
{
    craft_explanation why = {.struct_size = sizeof why};
    char line[LINE_MAX_BYTES];

    if (craft_explain(node, question, subject, &why) != 0) {
        return;
    }
    if (question == CRAFT_QUESTION_READ) {
        why.subject = 0; /* a token is nobody's business */
    }
    (void)craft_describe_explanation(&why, line, sizeof line);
    kv_buffer_append(text, line, strlen(line));
    (void)snprintf(line, sizeof line, " (%s)\r\n", craft_why_name(why.code));
    kv_buffer_append(text, line, strlen(line));
}

/* The newest read that the node was asked for, if one waits; or the next. */
static uint64_t read_token(const struct kv_server *server)
{
    const struct kv_reads *reads = &server->reads;

    return reads->asked > reads->answered
               ? (uint64_t)KV_TOKEN_READS << KV_TOKEN_SHIFT | reads->asked
               : 0;
}

static void explain_each(const struct kv_server *server, const craft_node *node,
                         struct kv_buffer *text)
{
    craft_peer_status peer = {.struct_size = sizeof peer};

    explain_one(node, CRAFT_QUESTION_LEADER, 0, text);
    explain_one(node, CRAFT_QUESTION_PROPOSE, 0, text);
    explain_one(node, CRAFT_QUESTION_READ, read_token(server), text);
    for (uint32_t i = 0; craft_node_peer(node, i, &peer) == 0; i++) {
        explain_one(node, CRAFT_QUESTION_PEER, peer.id, text);
    }
}

static void explain_answer(struct kv_server *server,
                           const struct explain *asked)
{
    const craft_node *node = craft_host_node(server->host);
    struct kv_buffer text = {0};
    uint64_t serial;
    struct kv_client *client =
        kv_replica_find(server, asked->token, KV_REQUEST_ASKED, &serial);

    if (client == NULL) {
        return; /* it has gone */
    }
    if (asked->question == 0) {
        explain_each(server, node, &text);
    } else if (asked->question == CRAFT_QUESTION_READ) {
        explain_one(node, asked->question, read_token(server), &text);
    } else {
        explain_one(node, asked->question, asked->subject, &text);
    }
    kv_reply_bulk(kv_pipeline_reply(&client->pipeline, serial, &client->out),
                  kv_buffer_data(&text), kv_buffer_len(&text));
    kv_pipeline_answered(&client->pipeline, serial, &client->out);
    kv_client_note(client);
    kv_buffer_free(&text);
}

int kv_raft_explain_all(struct kv_server *server)
{
    struct kv_buffer *explains = &server->explains;
    struct explain asked;
    int any = kv_buffer_len(explains) > 0;

    while (kv_buffer_len(explains) > 0) {
        memcpy(&asked, kv_buffer_data(explains), sizeof asked);
        kv_buffer_consume(explains, sizeof asked);
        explain_answer(server, &asked);
    }
    return any;
}
