/* Clusters are founded; servers go down and come back. */
#include <string.h>

#include "table.h"

#include "rig.h"

/* ---------------------------------------------------------------- cluster */

struct limit {
    const char *name;
    size_t offset; /* in craft_config */
    size_t size;
    const char *help;
};

#define LIMIT(name, field, help)                                               \
    {                                                                          \
        name, offsetof(craft_config, field),                                   \
            sizeof(((craft_config *)0)->field), help                           \
    }

static const struct limit limits[] = {
    LIMIT("election", election_ticks, "least election timeout, in ticks"),
    LIMIT("heartbeat", heartbeat_ticks, "ticks between heartbeats"),
    LIMIT("entry-bytes", entry_bytes_max, "largest command"),
    LIMIT("message-bytes", message_bytes_max, "largest append or apply batch"),
    LIMIT("inflight", inflight_max, "appends not acknowledged, per peer"),
    LIMIT("inflight-bytes", inflight_bytes_max, "the same in bytes"),
    LIMIT("uncommitted-bytes", uncommitted_bytes_max,
          "of entries not applied by the leader"),
    LIMIT("cache-bytes", log_cache_bytes_max,
          "of applied entries kept in memory"),
    LIMIT("tokens", tokens_max, "requests open at once"),
    LIMIT("persists", persist_inflight_max, "records open at once"),
    LIMIT("part-bytes", snapshot_chunk_bytes, "of a part of a snapshot"),
    LIMIT("parts", snapshot_window, "of them sent and not written, per peer"),
    LIMIT("pin-bytes", snapshot_pin_bytes_max,
          "of the log behind a snapshot that is being sent"),
    LIMIT("members", members_max, "largest configuration"),
    LIMIT("lease", lease_ms,
          "voters keep to their leader for so many ms: leases (6.4.1)"),
    LIMIT("drift", clock_drift_ppm,
          "of their clocks, at most, in a million [10000 with leases]"),
    LIMIT("group", group, "of all servers and messages"),
};

static const struct described others[] = {
    {"voters=(ID, ..)",
     "the members by their ids, instead of their number; server N is the N-th"},
    {"puppets=(N, ..)", "members that the script plays with `recv`; also "
                        "`puppets=others`: all but server 1"},
    {"blank=(N, ..)", "servers that start empty, outside of the configuration"},
    {"learners=(N, ..)", "members without a vote"},
    {"priorities=(P, ..)", "of the servers, in their order [0]"},
    {"passive=(N, ..)", "servers that never campaign by themselves"},
    {"pre-vote", "servers ask before they campaign (thesis 9.6) [off]"},
    {"sticky", "voters refuse to replace a leader they hear (4.2.3) [off]"},
    {"check-quorum", "a leader heard by no majority steps down (6.2) [off]"},
    {"stable", "these three, the library's own default"},
    {"forward", "who does not lead sends proposals to the leader (6.2) [off]"},
    {"seed=N", "of the draws of election timeouts [1, or CRAFT_SEED]"},
    {"pull", "effects are pulled instead of hooks called; the same effects"},
    {"bytes", "messages go through the codec"},
    {"no-fetch", "without a `fetch` hook: every entry stays in memory"},
    {"blind",
     "judge no promise and no history: for what is outside of the protocol"},
    {"stalled", "disks are stalled from the founding on"},
};
#define LIMITS_LEN (sizeof limits / sizeof limits[0])
#define OTHERS_LEN (sizeof others / sizeof others[0])

struct described found_option(size_t at)
{
    struct described none = {NULL, NULL};

    if (at < OTHERS_LEN) {
        return others[at];
    }
    at -= OTHERS_LEN;
    if (at < LIMITS_LEN) {
        none.name = limits[at].name;
        none.help = limits[at].help;
    }
    return none;
}

static void limit_set(craft_config *config, const struct limit *limit,
                      uint64_t number)
{
    unsigned char *field = (unsigned char *)config + limit->offset;
    uint32_t narrow = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;

    if (limit->size == sizeof narrow) {
        memcpy(field, &narrow, sizeof narrow);
    } else {
        memcpy(field, &number, sizeof number);
    }
}

static void take_limits(struct words *words, craft_config *config)
{
    for (size_t i = 0; i < LIMITS_LEN; i++) {
        uint64_t number = words_number(words, limits[i].name, UINT64_MAX);

        if (number != UINT64_MAX) {
            limit_set(config, &limits[i], number);
        }
    }
}

static void take_members(struct words *words, struct cluster_options *options)
{
    struct word *word = words_key(words, "voters");
    char *items[WORD_ITEMS_MAX];
    uint64_t number = 0;
    size_t len;

    if (word == NULL) {
        word = words_next(words);
        if (word == NULL || !number_read(word->value, &number) || number == 0 ||
            number > CLUSTER_NODES_MAX) {
            words_fault(words, "not a number of servers, 1 to 7",
                        word != NULL ? word->value : "");
        }
        options->nodes = (uint32_t)number;
        return;
    }
    len = word_items(words, word, items);
    if (len > CLUSTER_NODES_MAX) {
        words_fault(words, "more servers than 7", "voters");
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (!number_read(items[i], &options->ids[i + 1])) {
            words_fault(words, "not an id", items[i]);
        }
    }
    options->nodes = (uint32_t)len;
}

/* A bit per position that the list names. */
static uint32_t take_mask(struct words *words, const char *key, uint32_t nodes)
{
    struct word *word = words_key(words, key);
    char *items[WORD_ITEMS_MAX];
    uint32_t mask = 0;
    size_t len;

    if (word == NULL) {
        return 0;
    }
    if (strcmp(word->value, "others") == 0) {
        return 0xfcu & ((2u << nodes) - 1u);
    }
    len = word_items(words, word, items);
    for (size_t i = 0; i < len; i++) {
        uint64_t number = 0;

        if (!number_read(items[i], &number) || number == 0 || number > nodes) {
            words_fault(words, "there is no server", items[i]);
            number = 0;
        }
        mask |= 1u << number;
    }
    return mask;
}

static void take_priorities(struct words *words,
                            struct cluster_options *options)
{
    struct word *word = words_key(words, "priorities");
    char *items[WORD_ITEMS_MAX];
    size_t len = word != NULL ? word_items(words, word, items) : 0;

    if (len > options->nodes) {
        words_fault(words, "more than there are servers", "priorities");
        return;
    }
    for (size_t i = 0; i < len; i++) {
        uint64_t number = 0;

        if (!number_read(items[i], &number) || number > UINT32_MAX) {
            words_fault(words, "no priority", items[i]);
        }
        options->priorities[i + 1] = (uint32_t)number;
    }
}

static uint32_t take_flags(struct words *words)
{
    const uint32_t all =
        CRAFT_CONFIG_PRE_VOTE | CRAFT_CONFIG_STICKY | CRAFT_CONFIG_CHECK_QUORUM;
    uint32_t flags = words_flag(words, "stable") ? all : 0;

    flags |= words_flag(words, "pre-vote") ? CRAFT_CONFIG_PRE_VOTE : 0u;
    flags |= words_flag(words, "sticky") ? CRAFT_CONFIG_STICKY : 0u;
    flags |= words_flag(words, "check-quorum") ? CRAFT_CONFIG_CHECK_QUORUM : 0u;
    flags |= words_flag(words, "forward") ? CRAFT_CONFIG_FORWARD : 0u;
    return flags;
}

static void lease_option(craft_config *config)
{
    if (config->lease_ms > 0) {
        config->flags |= CRAFT_CONFIG_LEASE;
        config->clock_drift_ppm =
            config->clock_drift_ppm > 0 ? config->clock_drift_ppm : 10000;
    }
}

static void broken(struct cluster *cluster, const char *text)
{
    story_broken(story_of(cluster), text);
}

void found_cluster(struct story *story, struct words *words)
{
    struct cluster_options options;

    cluster_options_init(&options, 0);
    take_members(words, &options);
    options.puppets = take_mask(words, "puppets", options.nodes);
    options.blank = take_mask(words, "blank", options.nodes);
    options.learners = take_mask(words, "learners", options.nodes);
    options.passive = take_mask(words, "passive", options.nodes);
    take_priorities(words, &options);
    options.seed = words_number(words, "seed", story->seed);
    options.pull = words_flag(words, "pull") || story->pull;
    options.bytes = words_flag(words, "bytes") || story->bytes;
    options.no_fetch = words_flag(words, "no-fetch");
    options.blind = words_flag(words, "blind");
    options.persist_ends = words_flag(words, "stalled") ? CLUSTER_ENDS_WHEN_TOLD
                                                        : CLUSTER_ENDS_INSIDE;
    options.own_data = true;
    options.config.flags = take_flags(words);
    take_limits(words, &options.config);
    lease_option(&options.config);
    options.refusal = story->refusal;
    options.failed = broken;
    options.data = story;
    if (!story_ready(story, words)) {
        return;
    }
    story_forget(story);
    story->cluster = story_found(&options);
    story->cluster->watch = tell_effect;
    story->cluster->trace = story->trace;
}

/* -------------------------------------------------------- down and up again */

void found_crash(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    const struct word *word = words_key(words, "survive");
    uint64_t survive = 0;

    if (word != NULL && strcmp(word->value, "all") == 0) {
        survive = CLUSTER_ALL;
    } else if (word != NULL && !number_read(word->value, &survive)) {
        words_fault(words, "not a number", word->value);
    }
    if (story_ready(story, words)) {
        cluster_crash(story->cluster, node->position, (size_t)survive);
    }
}

/* What is up already is not told of as news. */
static void tell_start(struct story *story, uint32_t position)
{
    craft_status status = cluster_status(story->cluster, position);
    char line[256];

    (void)craft_describe_status(&status, line, sizeof line);
    story_tell(story, "%u is up: %s", position, strchr(line, ' ') + 1);
    story_see(story, position, &status);
}

void found_restart(struct story *story, struct words *words)
{
    uint32_t position = story_server(story, words);
    uint64_t batch = words_number(words, "batch", 8);
    uint64_t applied = words_number(words, "applied", 0);
    struct cluster_node *node = &story->cluster->nodes[position];
    bool quiet = story->quiet;
    int rv;

    if (position != 0 && (node->node != NULL || node->puppet)) {
        story_cannot(story, "server %u is not down", position);
    }
    if (batch == 0 || batch > 1000) {
        words_fault(words, "out of range, 1 to 1000", "batch");
    }
    if (!story_ready(story, words)) {
        return;
    }
    story->quiet = true;
    rv = cluster_restart_try(story->cluster, position, (size_t)batch, applied);
    story->quiet = quiet;
    story_result(story, position, rv);
    if (rv == 0) {
        tell_start(story, position);
    }
}

void found_stop(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);

    if (story_ready(story, words)) {
        story_result(story, node->position,
                     cluster_stop(story->cluster, node->position));
    }
}

/* ------------------------------------------------------------ lying disks */

static struct cluster_node *take_down(struct story *story, struct words *words)
{
    uint32_t position = story_server(story, words);

    if (position != 0 && story->cluster->nodes[position].node != NULL) {
        story_cannot(story, "server %u is not down", position);
    }
    return &story->cluster->nodes[position];
}

void found_wipe(struct story *story, struct words *words)
{
    struct cluster_node *node = take_down(story, words);
    struct cluster_disk empty;

    memset(&empty, 0, sizeof empty);
    if (story_ready(story, words)) {
        cluster_damage(story->cluster, node->position, &empty, 0);
    }
}

void found_damage(struct story *story, struct words *words)
{
    struct cluster_node *node = take_down(story, words);
    struct cluster_disk said = node->disk;
    uint64_t last = words_number(words, "last", said.log.len);

    said.term = words_number(words, "term", said.term);
    said.voted_for = words_number(words, "vote", said.voted_for);
    said.commit_hint = words_number(words, "hint", said.commit_hint);
    if (last > said.log.len) {
        words_fault(words, "the log on the disk is shorter", "last");
    }
    if (story_ready(story, words)) {
        cluster_damage(story->cluster, node->position, &said, (size_t)last);
    }
}
