/*
 * cluster_play: clusters for tests that play some of the servers themselves,
 * and short words for what they send and look at. Server 1 is the real one
 * unless told otherwise.
 */
#ifndef CLUSTER_PLAY_H
#define CLUSTER_PLAY_H

#include "cluster.h"

/* All servers real; everything ends inside its hook. */
struct cluster *play_cluster(uint32_t nodes);
/* Server 1 real, the others played. */
struct cluster *play_one(uint32_t nodes);
/* Server 1 leads the played others in the next term, nothing under way. */
struct cluster *play_leader(uint32_t nodes);

#define PLAY_ENTRIES_MAX 16u

/* An append of a played leader; entries by their terms. */
struct play_append {
    uint32_t from;
    craft_term term;
    craft_index prev;
    craft_term prev_term;
    craft_index commit;
    uint64_t round;
    craft_term entries[PLAY_ENTRIES_MAX]; /* up to the first 0 */
};

int play_append(struct cluster *cluster, struct play_append append);
int play_vote(struct cluster *cluster, uint32_t from, craft_term term,
              craft_index last_index, craft_term last_term);
int play_pre_vote(struct cluster *cluster, uint32_t from, craft_term term,
                  craft_index last_index, craft_term last_term);
int play_pre_vote_reply(struct cluster *cluster, uint32_t from, craft_term term,
                        bool granted);
int play_vote_reply(struct cluster *cluster, uint32_t from, craft_term term,
                    bool granted);
int play_match(struct cluster *cluster, uint32_t from, craft_term term,
               craft_index match);

struct play_reject {
    uint32_t from;
    craft_term term;
    craft_index rejected;
    craft_index hint;
    craft_term hint_term;
    uint64_t round;
};

int play_reject(struct cluster *cluster, struct play_reject reject);
/* With the round that the last append to it carried. */
int play_present(struct cluster *cluster, uint32_t from, craft_term term,
                 craft_index match);

/* Addressed, the payload all 0. */
craft_message play_message(struct cluster *cluster, uint32_t kind,
                           uint32_t from, craft_term term);

/* The latest message of that kind from server 1 to another, or NULL. */
const craft_message *play_sent(struct cluster *cluster, uint32_t to,
                               uint32_t kind);
size_t play_sent_count(struct cluster *cluster, uint32_t to, uint32_t kind);
void play_forget(struct cluster *cluster); /* all that is under way */

/* Terms of the log on the disk of a server, as "1 1 2". */
void play_log(struct cluster *cluster, uint32_t position, char *text,
              size_t size);

/* Everything that can be seen of a node. */
struct play_state {
    craft_status status;
    craft_peer_status peers[CLUSTER_NODES_MAX];
    uint32_t effects[10]; /* but events */
    size_t log_len;
};

struct play_state play_look(struct cluster *cluster, uint32_t position);
/* NULL, or what differs. */
const char *play_differs(const struct play_state *a,
                         const struct play_state *b);

/* Any of these kinds, from and to anyone. */
struct cluster_filter play_kind(uint32_t kind);
struct cluster_filter play_link(uint32_t from, uint32_t to);
struct cluster_filter play_all(void);

#endif
