/*
 * server: one craft-kv, and who owns what in it.
 *
 *     main       options, life and end of the program
 *     server     the listening socket, the clients, a turn of the loop
 *     client     one connection: bytes in, commands, bytes out
 *     commands   what each command is: a table
 *     pipeline   the commands of a client that have no answer yet
 *     replica    between the clients and the cluster's log
 *     reads      what needs no log: reads, confirmed by the leader
 *     raft       what an operator asks of the group
 *     op, store  what is in the log; the state it makes
 *     image      that state as bytes, for snapshots
 *
 * A command's way: client.c cuts it out of the input, commands.c encodes it
 * as an operation, pipeline.c keeps it, replica.c proposes it: the node has it
 * carried to the leader. When the cluster has agreed on it, every server
 * applies it to its store, and the one that was asked sends the reply.
 * A read that need not wait for writes of its own client goes to reads.c
 * instead, and is answered from the store here.
 *
 * All of it runs on the thread of the host's loop.
 */
#ifndef KV_SERVER_H
#define KV_SERVER_H

#include "craft/host.h"

#include "options.h"
#include "pipeline.h"
#include "resp.h"
#include "store.h"

enum {
    KV_CLIENT_NAME_MAX = 64,
    /* Replies to be sent; a client that lets them grow further is closed. */
    KV_OUT_BYTES_MAX = 256 * 1024 * 1024
};

struct kv_client {
    struct kv_server *server;
    uint32_t slot; /* place in server->clients */
    int fd;        /* -1 = the slot is free */
    uint64_t id;   /* for CLIENT ID */
    char name[KV_CLIENT_NAME_MAX];

    struct kv_buffer in;
    struct kv_buffer out;
    struct kv_resp resp;
    struct kv_pipeline pipeline; /* of the slot: lives on when it is free */

    uint32_t events; /* that the host watches for */
    int ended;       /* the client sends no more */
    int closing;     /* to be closed when all replies are sent */
    int noted;       /* stands in server->noted */
};

/* Where commands go: replica.c. */
struct kv_route {
    craft_id leader; /* 0 = none known: commands wait */
    craft_term term;
    uint64_t number;        /* changes when the route does */
    uint64_t rest_until_ns; /* refused: no more before this */
    int is_full;            /* this turn takes no more */
};

/* Reads that have no answer yet, oldest first: reads.c. */
struct kv_reads {
    struct kv_buffer tokens; /* of the requests, 8 bytes each */
    uint64_t answered;       /* of all reads ever, those before the first */
    uint64_t asked;          /* those that the node was asked */
};

/* The upper 16 bits of tokens that are not of a client's slot. */
enum kv_token_kind {
    KV_TOKEN_TRANSFER = 0xfffd, /* the one of raft.c */
    KV_TOKEN_READS = 0xfffe,    /* with the number of the last read + 1 */
    KV_TOKEN_SHIFT = 48
};

struct kv_server {
    const struct kv_options *options;
    craft_host *host;
    size_t entry_bytes_max;

    struct kv_store store;
    craft_term applied_term;  /* of the last entry known to be applied */
    uint64_t life;            /* of this process: tells its own operations */
    struct kv_buffer scratch; /* a reply that is not for a client here */
    struct kv_route route;
    struct kv_reads reads;
    uint64_t transfer;         /* the request that waits for its end */
    uint64_t snapshot;         /* the same */
    struct kv_buffer explains; /* those of the turn: raft.c */

    int listener;
    uint16_t client_port;
    int is_deaf;     /* out of descriptors: not accepting for a moment */
    int is_stopping; /* clients are answered, and sent away */
    struct kv_client **clients; /* [clients_max], each made when needed */
    uint32_t clients_max;
    uint32_t clients_len;
    uint32_t *free_slots; /* [free_len] */
    uint32_t free_len;
    struct kv_client **noted; /* [noted_len]: to be looked at this turn */
    uint32_t noted_len;

    uint64_t started_ns;
    uint64_t connections; /* ever */
    uint64_t commands;    /* ever */
};

/* ----------------------------------------------------------------- server */

/* Returns 0; or -1, having said on stderr why. */
int kv_server_open(struct kv_server *server, const struct kv_options *options);
/* Returns 0 after a stop, -1 after a failure, told on stderr. */
int kv_server_run(struct kv_server *server);
void kv_server_close(struct kv_server *server);

/* ----------------------------------------------------------------- client */

void kv_client_accept(struct kv_server *server, int fd);
/* Something has happened to it: it will be looked at before the turn ends. */
void kv_client_note(struct kv_client *client);
/* That look: parse what is there, hand over, send, perhaps close. */
void kv_client_look(struct kv_client *client);
void kv_client_close(struct kv_client *client);
/* Take no more commands of it; close it when all of them are answered. */
void kv_client_dismiss(struct kv_client *client);

/* A request whose reply is known now; the text begins with its code. */
void kv_client_fail(struct kv_client *client, uint64_t serial,
                    const char *text);

/* ---------------------------------------------------------------- replica */

/* Fills in the host's callbacks; user is the server. */
void kv_replica_machine(craft_host_machine *machine);
/* The name of a request in the log and among the servers. */
uint64_t kv_replica_token(const struct kv_client *client, uint64_t serial);
/* Hand over what this client has waiting, as far as it goes. */
void kv_replica_submit(struct kv_client *client);
/* A new turn: look at the leader again. */
void kv_replica_turn(struct kv_server *server);
/* Answer requests whose time is over. */
void kv_replica_deadlines(struct kv_server *server);
/* The loop has ended: answer all of them. */
void kv_replica_stopped(struct kv_server *server);
/* The client and request that a token of this server means, in this state:
 * open or asked; NULL = gone. */
struct kv_client *kv_replica_find(struct kv_server *server, uint64_t token,
                                  uint32_t state, uint64_t *serial);
/* Carry out an operation, and answer the request: 0. Or -1, nothing done: the
 * client has let its replies grow beyond the limit, and was closed. */
int kv_replica_run(struct kv_client *client, uint64_t serial,
                   struct kv_slice op);

/* ------------------------------------------------------------------ reads */

/* This request is a read: it is answered when the leader has confirmed that
 * nothing newer was acknowledged than what this server has applied. */
void kv_reads_add(struct kv_client *client, uint64_t serial);
/* Ask the node, once for all reads that it was not asked. 1: some of them
 * were answered on the spot. */
int kv_reads_ask(struct kv_server *server);
/* What the node says to that. */
void kv_reads_done(struct kv_server *server, uint64_t token, int result);
/* Forget the oldest ones, as far as nobody waits for them any more. */
void kv_reads_prune(struct kv_server *server);
void kv_reads_free(struct kv_server *server);

/* ------------------------------------------------------------------- raft */

/* RAFT TRANSFER: to that server, 0 = to the best one. Answers the request
 * later, or says in reply why it was refused. */
void kv_raft_transfer(struct kv_client *client, uint64_t serial,
                      craft_id target, struct kv_buffer *reply);
/* How it ended. */
void kv_raft_transferred(struct kv_server *server, int result);

/* RAFT SNAPSHOT: of this server. Answers the request later, or says in reply
 * why none is taken. */
void kv_raft_snapshot(struct kv_client *client, uint64_t serial,
                      struct kv_buffer *reply);
/* A snapshot has ended, this one or one by size. */
void kv_raft_saved(struct kv_server *server, int error);

/* RAFT EXPLAIN: answers when this turn has been delivered, so that nothing is
 * explained by that. Question 0 = all that can be asked of any node. */
void kv_raft_explain(struct kv_client *client, uint64_t serial,
                     uint32_t question, uint64_t subject);
/* The turn was: 1 when there was anything to answer. */
int kv_raft_explain_all(struct kv_server *server);

/* ------------------------------------------------------------------- info */

/* The text of INFO. names: of the sections wanted; none = all. */
void kv_info(struct kv_server *server, const struct kv_slice *names,
             size_t names_len, struct kv_buffer *text);

#endif
