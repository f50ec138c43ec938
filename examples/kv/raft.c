/* RAFT: what an operator asks of the group. */
#include "server.h"

#include <stdio.h>

enum {
    TEXT_MAX = 160
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
