/*
 * What holds in every world, and at every step (thesis Figure 3.2, and the
 * sentences about stable storage).
 */
#include "explore.h"

static const char *broken;

const char *explore_broken(void)
{
    return broken;
}

void explore_break(const char *rule)
{
    if (broken == NULL) {
        broken = rule;
    }
}

void explore_forget(void)
{
    broken = NULL;
}

static void rule(bool holds, const char *text)
{
    if (!holds) {
        explore_break(text);
    }
}

static bool equal(const struct thing *a, const struct thing *b)
{
    return a->term == b->term && a->what == b->what;
}

static bool equal_up_to(const struct thing *a, const struct thing *b,
                        uint8_t len)
{
    return memcmp(a, b, len * sizeof *a) == 0;
}

/* --------------------------------------------------------------- promises */

/* Figure 3.1: "updated on stable storage before responding". */
void check_leaving(const struct world *world, uint8_t server,
                   const craft_node *node, const craft_message *message)
{
    const struct disk *disk = &world->servers[server].disk;
    const craft_vote *vote = &message->as.vote;
    craft_index match = message->as.append_reply.match_index;

    if (!options.promises) {
        return;
    }
    switch (message->kind) {
    case CRAFT_MESSAGE_VOTE:
        rule(disk->term == message->term && disk->voted_for == message->from,
             "vote request: the own vote is on the disk");
        rule(vote->last_index <= disk->len && vote->last_index > 0 &&
                 disk->log[vote->last_index - 1].term == vote->last_term,
             "vote request: the log that it tells of is on the disk");
        break;
    case CRAFT_MESSAGE_VOTE_REPLY:
        rule(
            message->as.vote_reply.granted == 0 ||
                (disk->term == message->term && disk->voted_for == message->to),
            "vote reply: the granted vote is on the disk");
        break;
    case CRAFT_MESSAGE_APPEND:
        rule(disk->term == message->term && disk->voted_for == message->from,
             "append: the leader's own vote is on the disk");
        break;
    case CRAFT_MESSAGE_TIMEOUT_NOW: {
        const struct disk *target = &world->servers[message->to - 1].disk;
        craft_index last = message->as.timeout_now.last_index;

        rule(last == node->log.last && last <= target->len &&
                 target->log[last - 1].term == node->log.last_term,
             "transfer: the disk of who is told holds the whole log");
        break;
    }
    case CRAFT_MESSAGE_PRE_VOTE:
    case CRAFT_MESSAGE_PRE_VOTE_REPLY:
    case CRAFT_MESSAGE_FORWARD:
    case CRAFT_MESSAGE_FORWARD_REPLY:
        break; /* they promise nothing */
    default:
        rule(match <= disk->len, "append reply: the match is on the disk");
        rule(match == 0 || disk->term == message->term,
             "append reply: the term of the match is on the disk");
        for (craft_index i = 1; i <= match && i <= disk->len; i++) {
            struct thing thing = disk->log[i - 1];

            if (i >= node->log.first) {
                thing = thing_of(craft_log_entry(&node->log, i));
            }
            rule(thing.term == term_at(&node->log, i) &&
                     equal(&thing, &disk->log[i - 1]),
                 "append reply: the match on the disk is that of the log");
        }
        break;
    }
}

void check_disk(const struct disk *before, const struct disk *after)
{
    rule(after->term >= before->term, "disk: the term does not go back");
    rule(after->term > before->term || before->voted_for == 0 ||
             after->voted_for == before->voted_for,
         "disk: one vote in a term");
    rule(after->commit_hint >= before->commit_hint,
         "disk: the commit index does not go back");
    rule(after->commit_hint <= after->len,
         "disk: no more is committed than it holds");
    rule(equal_up_to(before->log, after->log, before->commit_hint),
         "disk: what is committed stays");
}

/* ----------------------------------------------------------- state machine */

void check_apply(const struct world *world, uint8_t server,
                 const craft_node *node, const craft_effect *effect)
{
    const struct disk *disk = &world->servers[server].disk;
    craft_index index = world->servers[server].machine + 1u;

    rule(effect->entries_len > 0 && node->apply.first >= index &&
             node->apply.last == node->apply.first + effect->entries_len - 1 &&
             node->apply.last <= node->commit_index,
         "apply: committed commands, in order, once");
    if (explore_broken() != NULL || node->apply.last > disk->len) {
        explore_break("apply: not ahead of the disk");
        return;
    }
    for (; index < node->apply.first; index++) {
        rule(disk->log[index - 1].what < WHAT_COMMAND,
             "apply: no command is left out");
    }
    for (size_t i = 0; i < effect->entries_len; i++, index++) {
        const craft_entry *entry = &effect->entries[i];
        struct thing thing = thing_of(entry);

        rule(entry->index == index && entry->kind == CRAFT_ENTRY_COMMAND &&
                 entry->data_len == command_len() &&
                 equal(&thing, &disk->log[index - 1]),
             "apply: committed commands, in order, once");
    }
}

void check_done(struct world *world, uint8_t server, const craft_node *node,
                const craft_effect *effect)
{
    const struct disk *disk = &world->servers[server].disk;
    uint8_t bit = (uint8_t)(1u << (effect->token - WHAT_COMMAND));
    bool transfer = effect->token == TOKEN_TRANSFER;
    craft_index index = effect->index;

    rule((world->history.ended & bit) == 0, "done: a request ends once");
    world->history.ended |= bit;
    if (effect->result == CRAFT_RESULT_SUPERSEDED) {
        world->history.superseded |= bit;
    } else if (effect->result == CRAFT_RESULT_REFUSED) {
        rule(options.forward, "done: REFUSED is told of what was forwarded");
        world->history.refused |= bit;
    } else if (effect->result == CRAFT_RESULT_UNKNOWN) {
        rule(node->phase == CRAFT_PHASE_HALTED ||
                 (options.forward && index == 0),
             "done: UNKNOWN is told where a node has halted");
    } else if (transfer) {
        rule(effect->result == CRAFT_RESULT_TIMEOUT ||
                 node->standing.leader != server + 1u,
             "done: OK of a transfer is told when another leads");
    } else {
        rule(index > 0 && index <= world->servers[server].machine,
             "done: OK is told of what is applied here");
        rule(index > 0 && index <= disk->len &&
                 disk->log[index - 1].what == effect->token,
             "done: OK is told of the very entry");
    }
}

/* ------------------------------------------------------------------ steps */

/* The log of the server's node as it was in that image: what has left memory
 * is on the disk. [LOG_MAX]; log: may be written. */
static const struct thing *log_of(const struct world *world, uint8_t server,
                                  const struct image *image, struct thing *log)
{
    const struct disk *disk = &world->servers[server].disk;

    if (image->evicted == 0) {
        return image->log;
    }
    memcpy(log, image->log, sizeof image->log);
    for (uint8_t i = 0; i < image->evicted; i++) {
        rule(i < disk->len && disk->log[i].term == log[i].term,
             "evict: what has left memory is on the disk");
        log[i] = disk->log[i];
    }
    return log;
}

static void check_committed(struct history *history, const struct image *image,
                            const struct thing *log)
{
    for (uint8_t i = 0; i < image->commit && i < LOG_MAX; i++) {
        if (i >= history->committed_len) {
            history->committed[i] = log[i];
            history->committed_in[i] = image->term;
            history->committed_len = (uint8_t)(i + 1);
        }
        rule(equal(&history->committed[i], &log[i]),
             "state machine safety: one entry is committed at an index");
    }
}

static void check_within_life(const struct world *world, uint8_t server,
                              const struct image *before)
{
    const struct image *after = image_of(world->servers[server].image);
    struct thing things_before[LOG_MAX];
    struct thing things_after[LOG_MAX];
    const struct thing *log_before;
    const struct thing *log_after;

    rule(after->term >= before->term, "a term does not go back");
    rule(after->commit >= before->commit, "commit does not go back");
    if (after->role != CRAFT_ROLE_LEADER) {
        return;
    }
    log_before = log_of(world, server, before, things_before);
    log_after = log_of(world, server, after, things_after);
    if (before->role == CRAFT_ROLE_LEADER && before->term == after->term) {
        rule(after->log_len >= before->log_len &&
                 equal_up_to(log_before, log_after, before->log_len),
             "leader append-only: a leader keeps its entries");
    }
    rule(after->commit == before->commit ||
             after->log[after->commit - 1].term == after->term,
         "commit: a leader counts for entries of its own term alone");
}

void check_change(struct world *world, uint8_t server, uint32_t before)
{
    const struct image *image = image_of(world->servers[server].image);
    struct history *history = &world->history;
    struct thing things[LOG_MAX];

    if (image->term > TERMS_MAX || image->log_len > LOG_MAX) {
        explore_break("explore: terms and logs are within the bounds");
        return;
    }
    if (before != 0) {
        check_within_life(world, server, image_of(before));
    }
    check_committed(history, image, log_of(world, server, image, things));
    if (image->role == CRAFT_ROLE_LEADER) {
        uint8_t *leader = &history->leader_of[image->term];

        rule(*leader == 0 || *leader == server + 1,
             "election safety: one leader in a term");
        *leader = (uint8_t)(server + 1);
    }
}

/* ----------------------------------------------------------------- worlds */

static void check_matching(const struct thing *a, const struct thing *b,
                           uint8_t len)
{
    while (len > 0 && a[len - 1].term != b[len - 1].term) {
        len--;
    }
    rule(equal_up_to(a, b, len),
         "log matching: equal terms at an index, equal logs up to it");
}

static uint8_t shorter(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

static void check_pair(const struct world *world, uint8_t a, uint8_t b)
{
    const struct image *x = image_of(world->servers[a].image);
    const struct image *y = image_of(world->servers[b].image);
    const struct disk *disk = &world->servers[a].disk;
    const struct disk *other = &world->servers[b].disk;
    struct thing mine[LOG_MAX];
    struct thing others[LOG_MAX];

    check_matching(log_of(world, a, x, mine), log_of(world, b, y, others),
                   shorter(x->log_len, y->log_len));
    check_matching(disk->log, other->log, shorter(disk->len, other->len));
}

static void check_leader(const struct world *world, uint8_t server)
{
    const struct image *image = image_of(world->servers[server].image);
    const struct history *history = &world->history;
    struct thing things[LOG_MAX];
    const struct thing *log = log_of(world, server, image, things);

    for (uint8_t i = 0; i < history->committed_len; i++) {
        rule(image->term < history->committed_in[i] ||
                 (i < image->log_len && equal(&log[i], &history->committed[i])),
             "leader completeness: a leader has all that is committed");
    }
    for (uint8_t i = 0; i < options.servers; i++) {
        const struct disk *disk = &world->servers[i].disk;
        uint8_t match = image->match[i + 1];

        rule(!options.promises || disk->term > image->term ||
                 (match <= disk->len && match <= image->log_len &&
                  equal_up_to(disk->log, log, match)),
             "a match that a leader counts is on that disk");
    }
}

static void check_majorities(const struct world *world)
{
    const struct history *history = &world->history;

    for (uint8_t i = 0; i < history->committed_len; i++) {
        uint8_t holds = 0;

        for (uint8_t s = 0; s < options.servers; s++) {
            const struct disk *disk = &world->servers[s].disk;

            holds = (uint8_t)(holds +
                              (i < disk->len &&
                               equal(&disk->log[i], &history->committed[i])));
        }
        rule(holds > options.servers / 2 || (i == 0 && options.founding),
             "what is committed is on the disks of a majority");
        rule(history->committed[i].what < WHAT_COMMAND ||
                 (history->superseded >>
                      (history->committed[i].what - WHAT_COMMAND) &
                  1) == 0,
             "done: what was told to be superseded is never committed");
    }
}

/* "Each once or never", and never what was refused. */
static void check_entered(const struct world *world, const struct thing *log,
                          uint8_t len)
{
    uint8_t seen = world->history.refused;

    for (uint8_t i = 0; i < len; i++) {
        uint8_t bit = 0;

        if (log[i].what >= WHAT_COMMAND && log[i].what != WHAT_EVICTED) {
            bit = (uint8_t)(1u << (log[i].what - WHAT_COMMAND));
        }
        rule((seen & bit) == 0,
             "forward: a command enters a log once, and never if refused");
        seen |= bit;
    }
}

void check_world(const struct world *world)
{
    for (uint8_t i = 0; i < options.servers; i++) {
        const struct image *image = image_of(world->servers[i].image);

        for (uint8_t j = 0; j < i; j++) {
            check_pair(world, i, j);
        }
        if (options.forward) {
            check_entered(world, image->log, image->log_len);
        }
        if (image->role == CRAFT_ROLE_LEADER) {
            check_leader(world, i);
        }
    }
    check_majorities(world);
}
