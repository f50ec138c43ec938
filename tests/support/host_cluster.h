/*
 * A cluster of hosts in one process, on loopback TCP and real files.
 *
 * One thread turns all of them, so that a test says who may act. Each machine
 * checks what it applies against what the others applied in its place: a
 * difference fails the test where it happens.
 */
#ifndef CRAFT_TESTS_HOST_CLUSTER_H
#define CRAFT_TESTS_HOST_CLUSTER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "craft/host.h"
#include "craft/wal.h"

#include <cmocka.h>

#define CLUSTER_SERVERS_MAX 3
#define CLUSTER_HISTORY_MAX 100000

struct cluster_server {
    struct cluster *cluster;
    craft_id id;
    craft_host *host; /* NULL: not running */
    int ended;        /* what its last turn returned; 0: it runs */
    char data_dir[300];
    char error[400];   /* of a failed open */
    char warning[400]; /* the last line of level WARN or ERROR */
    size_t warnings;

    size_t applied; /* commands in this life */
    size_t done[3]; /* ends, by enum craft_result */
    size_t refused; /* ends with an error */
    int refused_with;
    uint64_t done_token; /* the last */
    size_t turns;
    size_t messages;
    craft_id message_from;
    uint8_t message[64]; /* the last, as far as it fits */
    size_t message_len;
    int links_up;
    int links_broke;
    int storage_ending; /* of the last storage event; -1: none */
};

struct cluster {
    size_t servers_len;
    struct cluster_server servers[CLUSTER_SERVERS_MAX];
    craft_host_server list[CLUSTER_SERVERS_MAX];
    char addresses[CLUSTER_SERVERS_MAX][40];
    char directory[200];
    /* Options of every server opened from now on; id, data_dir, servers are
     * set by the cluster. */
    craft_host_options options;
    size_t history_len; /* commands that somebody applied */
    uint64_t history[CLUSTER_HISTORY_MAX];
};

/* A directory of its own, ports that are free; nothing is opened. */
struct cluster *cluster_new(size_t servers_len);
/* Closes all and removes the directory. */
void cluster_free(struct cluster *cluster);

int cluster_try_open(struct cluster *cluster, size_t at);
void cluster_open(struct cluster *cluster, size_t at);
void cluster_open_all(struct cluster *cluster);
/* In order: stop, turn until it has ended. */
void cluster_stop(struct cluster *cluster, size_t at);
/* As a crash, as far as the host's memory goes. */
void cluster_drop(struct cluster *cluster, size_t at);

/* A turn of everybody that runs. */
void cluster_turn(struct cluster *cluster);
void cluster_turn_for(struct cluster *cluster, uint32_t ms);
/* The one that leads with the greatest term, NULL: nobody yet. */
struct cluster_server *cluster_leader(struct cluster *cluster);
/* Turn until a leader serves, at most ten seconds. */
struct cluster_server *cluster_elect(struct cluster *cluster);
/* Turn until everybody that runs has applied so many commands. */
void cluster_settle(struct cluster *cluster, size_t applied);
/* A command of the number; fails the test unless it is taken. */
void cluster_propose(struct cluster_server *server, uint64_t number);
void cluster_status(const struct cluster_server *server, craft_status *status);

uint64_t cluster_now_ms(void);
/* A port that nobody listens on. */
uint16_t cluster_free_port(void);

#endif
