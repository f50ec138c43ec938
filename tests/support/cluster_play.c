#include "cluster_play.h"

#include <stdio.h>
#include <string.h>

struct cluster_filter play_kind(uint32_t kind)
{
    struct cluster_filter filter = {0, 0, kind};

    return filter;
}

struct cluster_filter play_link(uint32_t from, uint32_t to)
{
    struct cluster_filter filter = {from, to, 0};

    return filter;
}

struct cluster_filter play_all(void)
{
    struct cluster_filter filter = {0, 0, 0};

    return filter;
}

void play_forget(struct cluster *cluster)
{
    (void)cluster_drop(cluster, play_all());
}

struct cluster *play_cluster(uint32_t nodes)
{
    struct cluster_options options;

    cluster_options_init(&options, nodes);
    return cluster_new(&options);
}

struct cluster *play_one(uint32_t nodes)
{
    struct cluster_options options;

    cluster_options_init(&options, nodes);
    options.puppets = 0xfcu;
    return cluster_new(&options);
}

struct cluster *play_leader(uint32_t nodes)
{
    struct cluster *cluster = play_one(nodes);

    (void)cluster_campaign(cluster, 1);
    for (uint32_t i = 2; i <= nodes / 2 + 1; i++) {
        (void)play_vote_reply(cluster, i, 2, true);
    }
    play_forget(cluster);
    return cluster;
}

craft_message play_message(struct cluster *cluster, uint32_t kind,
                           uint32_t from, craft_term term)
{
    craft_message message;

    memset(&message, 0, sizeof message);
    message.struct_size = sizeof message;
    message.kind = kind;
    message.group = cluster->options.config.group;
    message.from = cluster_node(cluster, from)->id;
    message.to = cluster_node(cluster, 1)->id;
    message.term = term;
    return message;
}

int play_append(struct cluster *cluster, struct play_append append)
{
    craft_message message =
        play_message(cluster, CRAFT_MESSAGE_APPEND, append.from, append.term);
    craft_entry entries[PLAY_ENTRIES_MAX];
    uint64_t data[PLAY_ENTRIES_MAX];
    size_t len = 0;

    memset(entries, 0, sizeof entries);
    while (len < PLAY_ENTRIES_MAX && append.entries[len] != 0) {
        craft_entry *entry = &entries[len];

        entry->index = append.prev + 1 + len;
        entry->term = append.entries[len];
        entry->kind = CRAFT_ENTRY_COMMAND;
        /* Never a token: those count from 1. */
        data[len] = (entry->term << 32 | entry->index) + ((uint64_t)1 << 60);
        entry->data = (const uint8_t *)&data[len];
        entry->data_len = sizeof data[len];
        len++;
    }
    message.round = append.round;
    message.as.append.prev_index = append.prev;
    message.as.append.prev_term = append.prev_term;
    message.as.append.commit = append.commit;
    message.as.append.entries = entries;
    message.as.append.entries_len = len;
    return cluster_inject(cluster, &message);
}

static int vote_as(struct cluster *cluster, craft_message message,
                   craft_index last_index, craft_term last_term)
{
    message.as.vote.last_index = last_index;
    message.as.vote.last_term = last_term;
    return cluster_inject(cluster, &message);
}

int play_vote(struct cluster *cluster, uint32_t from, craft_term term,
              craft_index last_index, craft_term last_term)
{
    return vote_as(cluster,
                   play_message(cluster, CRAFT_MESSAGE_VOTE, from, term),
                   last_index, last_term);
}

int play_pre_vote(struct cluster *cluster, uint32_t from, craft_term term,
                  craft_index last_index, craft_term last_term)
{
    return vote_as(cluster,
                   play_message(cluster, CRAFT_MESSAGE_PRE_VOTE, from, term),
                   last_index, last_term);
}

static int vote_reply_as(struct cluster *cluster, craft_message message,
                         bool granted)
{
    message.as.vote_reply.granted = granted;
    return cluster_inject(cluster, &message);
}

int play_vote_reply(struct cluster *cluster, uint32_t from, craft_term term,
                    bool granted)
{
    return vote_reply_as(
        cluster, play_message(cluster, CRAFT_MESSAGE_VOTE_REPLY, from, term),
        granted);
}

int play_pre_vote_reply(struct cluster *cluster, uint32_t from, craft_term term,
                        bool granted)
{
    return vote_reply_as(
        cluster,
        play_message(cluster, CRAFT_MESSAGE_PRE_VOTE_REPLY, from, term),
        granted);
}

int play_match(struct cluster *cluster, uint32_t from, craft_term term,
               craft_index match)
{
    craft_message message =
        play_message(cluster, CRAFT_MESSAGE_APPEND_REPLY, from, term);

    message.as.append_reply.match_index = match;
    return cluster_inject(cluster, &message);
}

int play_present(struct cluster *cluster, uint32_t from, craft_term term,
                 craft_index match)
{
    craft_message message =
        play_message(cluster, CRAFT_MESSAGE_APPEND_REPLY, from, term);

    message.round = cluster_status(cluster, 1).round;
    message.as.append_reply.match_index = match;
    return cluster_inject(cluster, &message);
}

int play_reject(struct cluster *cluster, struct play_reject reject)
{
    craft_message message = play_message(cluster, CRAFT_MESSAGE_APPEND_REPLY,
                                         reject.from, reject.term);

    message.round = reject.round;
    message.as.append_reply.rejected = 1;
    message.as.append_reply.rejected_index = reject.rejected;
    message.as.append_reply.hint_index = reject.hint;
    message.as.append_reply.hint_term = reject.hint_term;
    return cluster_inject(cluster, &message);
}

size_t play_sent_count(struct cluster *cluster, uint32_t to, uint32_t kind)
{
    struct cluster_filter filter = {1, to, kind};

    return cluster_count(cluster, filter);
}

const craft_message *play_sent(struct cluster *cluster, uint32_t to,
                               uint32_t kind)
{
    struct cluster_filter filter = {1, to, kind};
    size_t count = cluster_count(cluster, filter);
    struct cluster_message *message;

    if (count == 0) {
        return NULL;
    }
    message = cluster_find(cluster, filter, count - 1);
    if (kind == CRAFT_MESSAGE_APPEND) {
        message->message.as.append.entries_len = message->entries_len;
    }
    return &message->message;
}

void play_log(struct cluster *cluster, uint32_t position, char *text,
              size_t size)
{
    const struct cluster_log *log = &cluster_node(cluster, position)->disk.log;
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < log->len && len < size; i++) {
        int more = snprintf(text + len, size - len, "%s%llu", i > 0 ? " " : "",
                            (unsigned long long)log->entries[i]->term);

        len += more > 0 ? (size_t)more : 0;
    }
}

struct play_state play_look(struct cluster *cluster, uint32_t position)
{
    struct cluster_node *node = cluster_node(cluster, position);
    struct play_state state;

    memset(&state, 0, sizeof state);
    state.status = cluster_status(cluster, position);
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++) {
        state.peers[i].struct_size = sizeof state.peers[i];
        (void)craft_node_peer(node->node, i, &state.peers[i]);
    }
    memcpy(state.effects, node->effects, sizeof state.effects);
    state.effects[CRAFT_EFFECT_EVENT] = 0;
    state.log_len = node->view.log.len;
    return state;
}

const char *play_differs(const struct play_state *a, const struct play_state *b)
{
    if (memcmp(&a->status, &b->status, sizeof a->status) != 0) {
        return "status";
    }
    if (memcmp(a->peers, b->peers, sizeof a->peers) != 0) {
        return "peers";
    }
    if (memcmp(a->effects, b->effects, sizeof a->effects) != 0) {
        return "effects";
    }
    return a->log_len != b->log_len ? "log" : NULL;
}
