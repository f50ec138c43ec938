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

enum fleet_save {
    FLEET_SAVE_WELL = 0,
    FLEET_SAVE_FAILS,
    FLEET_SAVE_DIES, /* the child is killed */
    FLEET_SAVE_HANGS /* it never ends */
};

struct fleet_server {
    struct fleet *cluster;
    craft_id id;
    craft_host *host; /* NULL: not running */
    int ended;        /* what its last turn returned; 0: it runs */
    char data_dir[300];
    char error[400];   /* of a failed open */
    char warning[400]; /* the last line of level WARN or ERROR */
    size_t warnings;

    size_t applied;      /* commands in this life */
    size_t done[6];      /* ends, by enum craft_result */
    size_t done_applied; /* commands applied when the last request ended */
    size_t stopping;     /* calls */
    size_t refused;      /* ends with an error */
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

    enum fleet_save save; /* what `save` does */
    size_t saved;         /* snapshots that have ended well, in this life */
    int saved_error;      /* of the last one that has not */
    size_t loads;         /* states loaded in this life */
};

struct fleet {
    int has_no_states; /* machines opened from now on cannot save and load */
    size_t servers_len;
    struct fleet_server servers[CLUSTER_SERVERS_MAX];
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
struct fleet *fleet_new(size_t servers_len);
/* Closes all and removes the directory. */
void fleet_free(struct fleet *cluster);

int fleet_try_open(struct fleet *cluster, size_t at);
void fleet_open(struct fleet *cluster, size_t at);
void fleet_open_all(struct fleet *cluster);
/* In order, but at once: stop, turn until it has ended. */
void fleet_stop(struct fleet *cluster, size_t at);
/* As a crash, as far as the host's memory goes. */
void fleet_drop(struct fleet *cluster, size_t at);

/* A turn of everybody that runs. */
void fleet_turn(struct fleet *cluster);
void fleet_turn_for(struct fleet *cluster, uint32_t ms);
/* The one that leads with the greatest term, NULL: nobody yet. */
struct fleet_server *fleet_leader(struct fleet *cluster);
/* Turn until a leader serves, at most ten seconds. */
struct fleet_server *fleet_elect(struct fleet *cluster);
/* Turn until everybody that runs has applied so many commands. */
void fleet_settle(struct fleet *cluster, size_t applied);
/* A command of the number; fails the test unless it is taken. */
void fleet_propose(struct fleet_server *server, uint64_t number);
void fleet_status(const struct fleet_server *server, craft_status *status);

uint64_t fleet_now_ms(void);
/* A port that nobody listens on. */
uint16_t fleet_free_port(void);

#endif
