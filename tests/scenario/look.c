/* Looking, and what must hold. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define TEXT_MAX 2048u

/* ------------------------------------------------------------------ output */

void look_only_invariants(struct story *story, struct words *words)
{
    if (story_ready(story, words)) {
        story->lenient = true;
    }
}

void look_quiet(struct story *story, struct words *words)
{
    if (story_ready(story, words)) {
        story->quiet = true;
    }
}

void look_status(struct story *story, struct words *words)
{
    uint32_t servers = story_servers(story, words);
    char line[256];

    if (!story_ready(story, words)) {
        return;
    }
    for (uint32_t i = 1; i <= story->cluster->options.nodes; i++) {
        if ((servers >> i & 1u) != 0) {
            craft_status status = cluster_status(story->cluster, i);

            (void)craft_describe_status(&status, line, sizeof line);
            story_tell(story, "%u%s", i, strchr(line, ' '));
        }
    }
}

static const char *progress_name(uint32_t progress)
{
    static const char *const names[] = {"probe", "replicate", "snapshot"};

    return progress < sizeof names / sizeof names[0] ? names[progress] : "?";
}

/* The peer of that id, as the node sees it; false when it has none. */
static bool peer_of(const struct cluster_node *node, craft_id id,
                    craft_peer_status *peer)
{
    for (uint32_t i = 0; i < CRAFT_MEMBERS_MAX; i++) {
        memset(peer, 0, sizeof *peer);
        peer->struct_size = sizeof *peer;
        if (craft_node_peer(node->node, i, peer) == 0 && peer->id == id) {
            return true;
        }
    }
    return false;
}

void look_peers(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    craft_peer_status peer;

    if (!story_ready(story, words)) {
        return;
    }
    for (uint32_t i = 1; i <= story->cluster->options.nodes; i++) {
        if (peer_of(node, story->cluster->nodes[i].id, &peer)) {
            story_tell(story,
                       "%u sees %u: %s match=%" PRIu64 " next=%" PRIu64
                       " inflight=%" PRIu32 " silent=%" PRIu32,
                       node->position, i, progress_name(peer.progress),
                       peer.match_index, peer.next_index, peer.inflight,
                       peer.silent_ticks);
        }
    }
}

static void add_entries(struct text *text, struct cluster_entry *const *entries,
                        size_t len)
{
    char data[64];

    for (size_t i = 0; i < len; i++) {
        const struct cluster_entry *entry = entries[i];

        text_add(text, " %" PRIu64 "@%" PRIu64, entry->index, entry->term);
        if (entry->kind == CRAFT_ENTRY_COMMAND) {
            tell_bytes(entry->data, entry->data_len, data, sizeof data);
            text_add(text, " %s", data);
        } else {
            text_add(text, " %s",
                     entry->kind == CRAFT_ENTRY_NOOP ? "noop"
                                                     : "configuration");
        }
    }
}

static void tell_record(struct story *story, const struct cluster_node *node,
                        const struct cluster_record *record)
{
    struct text text = {NULL, 0, 0};

    text_add(&text, "#%" PRIu64 " open:", record->ticket);
    if ((record->flags & CRAFT_PERSIST_HARD_STATE) != 0) {
        text_add(&text, " term=%" PRIu64 " vote=%" PRIu64, record->term,
                 record->voted_for);
    }
    if ((record->flags & CRAFT_PERSIST_TRUNCATE) != 0) {
        text_add(&text, " truncate=%" PRIu64, record->truncate_from);
    }
    add_entries(&text, record->entries, record->entries_len);
    story_tell(story, "%u disk %s", node->position, text_of(&text));
    text_free(&text);
}

void look_disk(struct story *story, struct words *words)
{
    uint32_t position = story_server(story, words);
    const struct cluster_node *node = &story->cluster->nodes[position];
    struct text text = {NULL, 0, 0};

    if (!story_ready(story, words)) {
        return;
    }
    add_entries(&text, node->disk.log.entries, node->disk.log.len);
    story_tell(story,
               "%u disk term=%" PRIu64 " vote=%" PRIu64 " hint=%" PRIu64
               " log:%s",
               position, node->disk.term, node->disk.voted_for,
               node->disk.commit_hint, text_of(&text));
    text_free(&text);
    for (size_t i = 0; i < node->records_len; i++) {
        tell_record(story, node, &node->records[i]);
    }
}

void look_due(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);

    if (story_ready(story, words)) {
        story_tell(story, "%u due in %" PRIu32 " ticks", node->position,
                   craft_ticks_until_due(node->node));
    }
}

/* ------------------------------------------------------------------ assert */

/* One fact of a server, as text: a number of its status, or what read adds. */
struct fact {
    const char *name;
    const char *help;
    void (*read)(const struct cluster_node *node, const craft_status *status,
                 struct text *text);
    size_t offset; /* in craft_status, when read is NULL */
    size_t size;
};

static void read_role(const struct cluster_node *node,
                      const craft_status *status, struct text *text)
{
    (void)node;
    text_add(text, "%s", tell_role(status->role));
}

static void read_leader(const struct cluster_node *node,
                        const craft_status *status, struct text *text)
{
    text_add(text, "%u", cluster_position(node->cluster, status->leader));
}

static void read_vote(const struct cluster_node *node,
                      const craft_status *status, struct text *text)
{
    text_add(text, "%u", cluster_position(node->cluster, status->voted_for));
}

static void read_state(const struct cluster_node *node,
                       const craft_status *status, struct text *text)
{
    const char *state = "up";

    if (node->node == NULL) {
        state = "down";
    } else if ((status->flags & CRAFT_STATUS_HALTED) != 0) {
        state = "halted";
    } else if ((status->flags & CRAFT_STATUS_STOPPED) != 0) {
        state = "stopped";
    } else if ((status->flags & CRAFT_STATUS_DISK_FULL) != 0) {
        state = "full";
    }
    text_add(text, "%s", state);
}

static void read_due(const struct cluster_node *node,
                     const craft_status *status, struct text *text)
{
    (void)status;
    text_add(text, "%u",
             node->node != NULL ? craft_ticks_until_due(node->node) : 0);
}

static void add_terms(struct text *text, const struct cluster_log *log)
{
    for (size_t i = 0; i < log->len; i++) {
        text_add(text, "%s%llu", i > 0 ? " " : "",
                 (unsigned long long)log->entries[i]->term);
    }
}

static void read_disk(const struct cluster_node *node,
                      const craft_status *status, struct text *text)
{
    (void)status;
    add_terms(text, &node->disk.log);
}

static void read_log(const struct cluster_node *node,
                     const craft_status *status, struct text *text)
{
    (void)status;
    add_terms(text, &node->view.log);
}

static void read_disk_term(const struct cluster_node *node,
                           const craft_status *status, struct text *text)
{
    (void)status;
    text_add(text, "%llu", (unsigned long long)node->disk.term);
}

static void read_disk_vote(const struct cluster_node *node,
                           const craft_status *status, struct text *text)
{
    (void)status;
    text_add(text, "%u", cluster_position(node->cluster, node->disk.voted_for));
}

static void read_records(const struct cluster_node *node,
                         const craft_status *status, struct text *text)
{
    (void)status;
    text_add(text, "%zu", node->records_len);
}

#define FIELD(field)                                                           \
    offsetof(craft_status, field), sizeof(((craft_status *)0)->field)

static void read_sends(const struct cluster_node *node,
                       const craft_status *status, struct text *text)
{
    (void)status;
    text_add(text, "%u", node->effects[CRAFT_EFFECT_SEND]);
}

static void read_writes(const struct cluster_node *node,
                        const craft_status *status, struct text *text)
{
    (void)status;
    text_add(text, "%u", node->effects[CRAFT_EFFECT_PERSIST]);
}

/* In whole ms, rounded up. */
static void read_lease(const struct cluster_node *node,
                       const craft_status *status, struct text *text)
{
    (void)node;
    text_add(text, "%" PRIu64, (status->lease_until_ns + 999999u) / 1000000u);
}

static void read_fetches(const struct cluster_node *node,
                         const craft_status *status, struct text *text)
{
    (void)status;
    text_add(text, "%u", node->effects[CRAFT_EFFECT_FETCH]);
}

static const struct fact facts[] = {
    {"role", "follower, candidate, pre_candidate or leader", read_role, 0, 0},
    {"state", "up, down, halted, stopped or full", read_state, 0, 0},
    {"term", "its term", NULL, FIELD(term)},
    {"leader", "whom it follows, by position; 0: nobody", read_leader, 0, 0},
    {"vote", "for whom it voted in its term; 0: nobody", read_vote, 0, 0},
    {"last", "index of its last entry", NULL, FIELD(last_index)},
    {"last-term", "term of that entry", NULL, FIELD(last_term)},
    {"first", "first entry still in memory", NULL, FIELD(first_index)},
    {"durable", "up to here on its disk, as it knows", NULL,
     FIELD(durable_index)},
    {"base", "entries up to there were compacted", NULL, FIELD(base_index)},
    {"snapshot", "index of its latest", NULL, FIELD(snapshot_index)},
    {"sending", "index of the one it sends", NULL, FIELD(sending_index)},
    {"receiving", "index of the one that arrives", NULL,
     FIELD(receiving_index)},
    {"commit", "its commit index", NULL, FIELD(commit_index)},
    {"applied", "its applied index", NULL, FIELD(applied_index)},
    {"configuration", "index of the one in force", NULL,
     FIELD(configuration_index)},
    {"tokens", "proposals open", NULL, FIELD(tokens_open)},
    {"reads", "reads open", NULL, FIELD(reads_open)},
    {"lease", "before that time, in ms, it reads by lease; 0: not", read_lease,
     0, 0},
    {"persists", "records open, as it knows", NULL, FIELD(persists_open)},
    {"uncommitted", "bytes not applied", NULL, FIELD(uncommitted_bytes)},
    {"memory", "bytes of entries in memory", NULL, FIELD(log_bytes)},
    {"due", "ticks until something is due", read_due, 0, 0},
    {"log", "terms of the entries handed out: log=\"1 1 2\"", read_log, 0, 0},
    {"disk", "terms of the entries that are durable", read_disk, 0, 0},
    {"disk-term", "the term on the disk", read_disk_term, 0, 0},
    {"disk-vote", "the vote on the disk, by position", read_disk_vote, 0, 0},
    {"records", "records that the disk has not ended", read_records, 0, 0},
    {"sends", "messages that it has sent so far", read_sends, 0, 0},
    {"writes", "records that it has handed out so far", read_writes, 0, 0},
    {"fetches", "fetches that it has asked for so far", read_fetches, 0, 0},
};
#define FACTS_LEN (sizeof facts / sizeof facts[0])

static void fact_read(const struct fact *fact, const struct cluster_node *node,
                      const craft_status *status, struct text *text)
{
    const unsigned char *field = (const unsigned char *)status + fact->offset;
    uint64_t wide = 0;
    uint32_t narrow = 0;

    if (fact->read != NULL) {
        fact->read(node, status, text);
    } else if (fact->size == sizeof narrow) {
        memcpy(&narrow, field, sizeof narrow);
        text_add(text, "%" PRIu32, narrow);
    } else {
        memcpy(&wide, field, sizeof wide);
        text_add(text, "%" PRIu64, wide);
    }
}

struct described look_fact(size_t at)
{
    struct described row = {NULL, NULL};

    if (at < FACTS_LEN) {
        row.name = facts[at].name;
        row.help = facts[at].help;
    }
    return row;
}

/* Does it begin with the words before ` ..`? */
static bool begins(const char *is, const char *want, const char *dots)
{
    size_t len;

    if (dots == NULL || dots == want || dots[-1] != ' ' || dots[2] != '\0') {
        return false;
    }
    len = (size_t)(dots - want) - 1;
    return strncmp(is, want, len) == 0 && (is[len] == ' ' || is[len] == '\0');
}

/* Equal as text or as numbers, or between A and B of `A..B`, `A..`; text that
 * ends in ` ..` may go on. */
static bool matches(const char *is, const char *want)
{
    char low[64];
    const char *dots = strstr(want, "..");
    uint64_t value = 0;
    uint64_t from = 0;
    uint64_t to = UINT64_MAX;

    if (strcmp(is, want) == 0 || begins(is, want, dots)) {
        return true;
    }
    if (!number_read(is, &value)) {
        return false;
    }
    if (dots == NULL) {
        return number_read(want, &from) && from == value;
    }
    (void)snprintf(low, sizeof low, "%.*s", (int)(dots - want), want);
    return number_read(low, &from) &&
           (dots[2] == '\0' || number_read(dots + 2, &to)) && value >= from &&
           value <= to;
}

static void assert_equal(struct story *story, const struct cluster_node *node,
                         const char *name, const char *is,
                         const struct word *want)
{
    if (!matches(is, want->value)) {
        story_wrong(story, "server %u has %s=%s, not %s", node->position, name,
                    is, want->value);
    }
}

static void assert_peer(struct story *story, struct words *words,
                        const struct cluster_node *node)
{
    const struct word *which = words_key(words, "peer");
    uint32_t position = 0;
    craft_peer_status peer;
    const struct word *want;
    char text[32];

    if (which == NULL) {
        return;
    }
    if (!story_position(story, which->value, &position) || node->node == NULL ||
        !peer_of(node, story->cluster->nodes[position].id, &peer)) {
        words_fault(words, "it has no peer", which->value);
        return;
    }
    want = words_key(words, "match");
    if (want != NULL) {
        (void)snprintf(text, sizeof text, "%" PRIu64, peer.match_index);
        assert_equal(story, node, "match", text, want);
    }
    want = words_key(words, "next");
    if (want != NULL) {
        (void)snprintf(text, sizeof text, "%" PRIu64, peer.next_index);
        assert_equal(story, node, "next", text, want);
    }
    want = words_key(words, "inflight");
    if (want != NULL) {
        (void)snprintf(text, sizeof text, "%" PRIu32, peer.inflight);
        assert_equal(story, node, "inflight", text, want);
    }
    want = words_key(words, "progress");
    if (want != NULL) {
        assert_equal(story, node, "progress", progress_name(peer.progress),
                     want);
    }
}

void look_assert(struct story *story, struct words *words)
{
    uint32_t position = story_server(story, words);
    const struct cluster_node *node = &story->cluster->nodes[position];
    craft_status status;

    if (position == 0) {
        return;
    }
    if (words_left(words) == NULL) {
        words_fault(words, "what is to hold", "assert");
    }
    memset(&status, 0, sizeof status);
    if (node->node != NULL) {
        status = cluster_status(story->cluster, position);
    }
    assert_peer(story, words, node);
    for (size_t i = 0; i < FACTS_LEN; i++) {
        const struct word *want = words_key(words, facts[i].name);
        struct text text = {NULL, 0, 0};

        if (want == NULL) {
            continue;
        }
        fact_read(&facts[i], node, &status, &text);
        assert_equal(story, node, facts[i].name, text_of(&text), want);
        text_free(&text);
    }
    (void)story_ready(story, words);
}

void look_assert_leader(struct story *story, struct words *words)
{
    const struct word *word = words_next(words);
    uint32_t want = 0;
    uint32_t is = cluster_leader(story->cluster);

    if (word == NULL || (strcmp(word->value, "none") != 0 &&
                         !story_position(story, word->value, &want))) {
        words_fault(words, "there is no server",
                    word != NULL ? word->value : "");
    }
    if (story_ready(story, words) && is != want) {
        story_wrong(story, "server %u leads", is);
    }
}

/* --------------------------------------------------------------- proposals */

static const char *fate_of(const struct cluster_token *token)
{
    if (token->state == CLUSTER_TOKEN_ENDED) {
        return tell_result(token->result);
    }
    return token->state == CLUSTER_TOKEN_OPEN ? "open" : "lost";
}

void look_assert_done(struct story *story, struct words *words)
{
    const struct word *command = words_next(words);
    const struct word *fate = words_next(words);
    char name[64];
    size_t at = story->commands_len;

    if (command == NULL || !command->quoted || fate == NULL) {
        words_fault(words, "not a \"command\" and its fate", "");
        return;
    }
    tell_bytes((const uint8_t *)command->value, command->value_len, name,
               sizeof name);
    while (at > 0 && strcmp(story->commands[at - 1], name) != 0) {
        at--;
    }
    if (story_ready(story, words)) {
        const char *is = at > 0 ? fate_of(cluster_token(story->cluster, at))
                                : "not proposed, or refused";

        if (strcmp(is, fate->value) != 0) {
            story_wrong(story, "%s is %s, not %s", name, is, fate->value);
        }
    }
}
