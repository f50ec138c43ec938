/*
 * Between servers: a follower sends a client's command to the leader, which
 * proposes it and sends back the reply, or that it entered no log.
 *
 *     COMMAND  1, term (8), stream (8), token (8), operation
 *     REPLY    2, is_last (1), token (8), bytes of the reply
 *     REFUSED  3, token (8), stream (8)
 *
 * Numbers are little-endian. A command is for the leader of one term. One
 * refusal refuses the rest of its stream, so that a later command of the same
 * client cannot overtake one that was refused; the sender opens a new stream.
 * When a link breaks, the commands that were on it may have entered the log:
 * nothing is sent again before replica.c knows that they did not.
 */
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "op.h"

enum message_kind {
    COMMAND = 1,
    REPLY = 2,
    REFUSED = 3
};

enum {
    NUMBER_LEN = 8,
    COMMAND_HEAD = 1 + 3 * NUMBER_LEN,
    TOKEN_AT = 1 + 2 * NUMBER_LEN, /* in a command */
    REPLY_HEAD = 2 + NUMBER_LEN,
    REFUSED_LEN = 1 + 2 * NUMBER_LEN,
    FORWARDS_MAX = 32768,
    INDEX_BITS = 24
};

static const uint64_t token_mark = (uint64_t)KV_TOKEN_FORWARD << KV_TOKEN_SHIFT;

static void put(uint8_t *bytes, uint64_t number)
{
    for (unsigned i = 0; i < NUMBER_LEN; i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
}

static uint64_t get(const uint8_t *bytes)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < NUMBER_LEN; i++) {
        number |= (uint64_t)bytes[i] << (8 * i);
    }
    return number;
}

void kv_forward_init(struct kv_server *server)
{
    struct kv_forwards *forwards = &server->forwards;

    forwards->max = FORWARDS_MAX;
    forwards->table = kv_realloc(NULL, FORWARDS_MAX * sizeof *forwards->table);
    memset(forwards->table, 0, FORWARDS_MAX * sizeof *forwards->table);
    for (uint32_t i = 0; i < FORWARDS_MAX; i++) {
        forwards->table[i].next_free = i + 1;
    }
    forwards->free = 0;
}

void kv_forward_free(struct kv_server *server)
{
    free(server->forwards.table);
}

/* ----------------------------------------------------------------- sender */

int kv_forward_send(struct kv_server *server, struct kv_slice op,
                    uint64_t token)
{
    struct kv_buffer *message = &server->scratch;
    uint8_t head[COMMAND_HEAD] = {COMMAND};

    put(head + 1, server->route.term);
    put(head + 1 + NUMBER_LEN, server->route.number);
    put(head + TOKEN_AT, token);
    kv_buffer_clear(message);
    kv_buffer_append(message, head, sizeof head);
    kv_buffer_append(message, op.data, op.len);
    return craft_host_send(server->host, server->route.leader,
                           kv_buffer_data(message), kv_buffer_len(message));
}

static void receive_reply(struct kv_server *server, struct kv_slice message)
{
    struct kv_client *client;
    struct kv_buffer *reply;
    uint64_t serial;
    int is_last;

    if (message.len < REPLY_HEAD) {
        return;
    }
    is_last = message.data[1];
    client = kv_replica_find(server, get(message.data + 2), KV_REQUEST_OPEN,
                             &serial);
    if (client == NULL) {
        return;
    }
    reply = is_last ? kv_pipeline_reply(&client->pipeline, serial, &client->out)
                    : &kv_pipeline_find(&client->pipeline, serial)->reply;
    kv_buffer_append(reply, message.data + REPLY_HEAD,
                     message.len - REPLY_HEAD);
    if (!is_last) {
        return;
    }
    kv_pipeline_answered(&client->pipeline, serial, &client->out);
    kv_client_note(client);
}

/* ----------------------------------------------------------------- leader */

int kv_forward_is(uint64_t token)
{
    return token >= token_mark;
}

static struct kv_forward *find(struct kv_server *server, uint64_t token)
{
    uint64_t bits = token & ~token_mark;
    uint32_t index = (uint32_t)(bits & (((uint64_t)1 << INDEX_BITS) - 1));
    struct kv_forward *forward;

    if (index >= server->forwards.max) {
        return NULL;
    }
    forward = &server->forwards.table[index];
    return forward->from != 0 && forward->generation == bits >> INDEX_BITS
               ? forward
               : NULL;
}

int kv_forward_known(struct kv_server *server, uint64_t token)
{
    return find(server, token) != NULL;
}

static void release(struct kv_server *server, struct kv_forward *forward)
{
    struct kv_forwards *forwards = &server->forwards;

    forward->from = 0;
    forward->generation = (forward->generation + 1) & 0xffffff;
    forward->next_free = forwards->free;
    forwards->free = (uint32_t)(forward - forwards->table);
}

static void refuse(struct kv_server *server, craft_id to, uint64_t token,
                   uint64_t stream)
{
    uint8_t message[REFUSED_LEN] = {REFUSED};

    put(message + 1, token);
    put(message + 1 + NUMBER_LEN, stream);
    (void)craft_host_send(server->host, to, message, sizeof message);
}

/* Where the refused stream of this server is noted; NULL: one too many. */
static uint64_t *refused_stream(struct kv_forwards *forwards, craft_id from)
{
    uint32_t i = 0;

    while (i < forwards->peers_len && forwards->peers[i] != from) {
        i++;
    }
    if (i == KV_PEERS_MAX) {
        return NULL;
    }
    if (i == forwards->peers_len) {
        forwards->peers[i] = from;
        forwards->refused[i] = 0;
        forwards->peers_len++;
    }
    return &forwards->refused[i];
}

/* Propose it, in that term only; 0, or why not. */
static int propose(struct kv_server *server, struct kv_forward command,
                   craft_term term, struct kv_slice op)
{
    struct kv_forwards *forwards = &server->forwards;
    struct kv_forward *forward = &forwards->table[forwards->free];
    craft_status status = {.struct_size = sizeof status};
    uint64_t own;
    int rv;

    (void)craft_node_status(craft_host_node(server->host), &status);
    if (status.role != CRAFT_ROLE_LEADER || status.term != term) {
        return CRAFT_ERR_NOT_LEADER;
    }
    if (forwards->free == forwards->max) {
        return CRAFT_ERR_BUSY;
    }
    own = token_mark | (uint64_t)forward->generation << INDEX_BITS |
          forwards->free;
    forwards->free = forward->next_free;
    forward->from = command.from;
    forward->token = command.token;
    forward->stream = command.stream;
    rv = craft_host_propose(server->host, op.data, op.len, own);
    if (rv != 0) {
        release(server, forward);
    }
    return rv;
}

static void receive_command(struct kv_server *server, craft_id from,
                            struct kv_slice message)
{
    uint64_t *refused = refused_stream(&server->forwards, from);
    struct kv_forward command = {.from = from};
    struct kv_slice op;

    if (message.len < COMMAND_HEAD || refused == NULL) {
        return;
    }
    command.stream = get(message.data + 1 + NUMBER_LEN);
    command.token = get(message.data + TOKEN_AT);
    op.data = message.data + COMMAND_HEAD;
    op.len = message.len - COMMAND_HEAD;
    if (command.stream == *refused || kv_op_check(op) < 0 ||
        propose(server, command, get(message.data + 1), op) != 0) {
        *refused = command.stream;
        refuse(server, from, command.token, command.stream);
    }
}

struct kv_buffer *kv_forward_begin(struct kv_server *server)
{
    static const uint8_t head[REPLY_HEAD] = {0};

    kv_buffer_clear(&server->scratch);
    kv_buffer_append(&server->scratch, head, sizeof head);
    return &server->scratch;
}

void kv_forward_answer(struct kv_server *server, uint64_t token)
{
    struct kv_forward *forward = find(server, token);
    struct kv_buffer *reply = &server->scratch;
    size_t part_max = craft_host_send_max(server->host);
    int is_last = 0;
    int rv = 0;

    while (!is_last && rv == 0) {
        uint8_t *head = kv_buffer_data(reply);
        size_t len = kv_buffer_len(reply);

        is_last = len <= part_max;
        if (!is_last) {
            len = part_max;
        }
        head[0] = REPLY;
        head[1] = (uint8_t)is_last;
        put(head + 2, forward->token);
        /* Where it cannot be sent, the other server has to apply it first. */
        rv = craft_host_send(server->host, forward->from, head, len);
        /* The next part's head lies over the end of what was sent. */
        kv_buffer_consume(reply, is_last ? len : len - REPLY_HEAD);
    }
    release(server, forward);
}

void kv_forward_ended(struct kv_server *server, uint64_t token, int is_certain)
{
    struct kv_forward *forward = find(server, token);

    if (forward == NULL) {
        return;
    }
    if (is_certain) {
        refuse(server, forward->from, forward->token, forward->stream);
    }
    release(server, forward);
}

void kv_forward_receive(struct kv_server *server, craft_id from,
                        struct kv_slice message)
{
    if (message.len == 0) {
        return;
    }
    if (message.data[0] == COMMAND) {
        receive_command(server, from, message);
    } else if (message.data[0] == REPLY) {
        receive_reply(server, message);
    } else if (message.data[0] == REFUSED && message.len == REFUSED_LEN) {
        kv_replica_refused(server, get(message.data + 1),
                           get(message.data + 1 + NUMBER_LEN));
    }
}
