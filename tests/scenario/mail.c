/* The network: single messages, links, and letting things go on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define TEXT_MAX 2048u
#define ROUNDS_MAX 1000u

/* --------------------------------------------------------------- choosing */

/* Which of the messages under way. */
struct choice {
    uint32_t from; /* 0: any */
    uint32_t to;
    uint32_t kind;
    const char *label; /* or NULL */
    const char *text;  /* part of what is told of it, or NULL */
    uint64_t at;       /* of those only this, from 1; 0: all */
    bool last;
    bool picky; /* there must be one */
};

static uint32_t take_kind(struct words *words)
{
    char name[32];

    for (uint32_t kind = 1; kind < CRAFT_MESSAGE_KIND_END; kind++) {
        tell_kind(kind, name, sizeof name);
        if (words_flag(words, name)) {
            return kind;
        }
    }
    return 0;
}

static bool end_read(const struct story *story, const char *text, uint32_t *end)
{
    *end = 0;
    return strcmp(text, "*") == 0 || story_position(story, text, end);
}

/* `A->B`; false when the word is no link. */
static bool link_read(struct story *story, struct words *words,
                      const struct word *word, uint32_t ends[2])
{
    const char *arrow = strstr(word->value, "->");
    char from[32];

    if (arrow == NULL || word->quoted) {
        return false;
    }
    (void)snprintf(from, sizeof from, "%.*s", (int)(arrow - word->value),
                   word->value);
    if (!end_read(story, from, &ends[0]) ||
        !end_read(story, arrow + 2, &ends[1])) {
        words_fault(words, "not a link", word->value);
    }
    return true;
}

static const struct word *first_bare(struct words *words)
{
    for (size_t i = 0; i < words->len; i++) {
        struct word *word = &words->list[i];

        if (!word->used && !word->quoted && word->key[0] == '\0') {
            word->used = true;
            return word;
        }
    }
    return NULL;
}

/* WHAT [KIND] ["TEXT"] [at=N | last] */
static struct choice take_choice(struct story *story, struct words *words)
{
    struct choice choice = {0,     0,    take_kind(words), NULL, NULL, 0,
                            false, false};
    const struct word *what;
    const struct word *text;
    uint32_t ends[2] = {0, 0};

    choice.last = words_flag(words, "last");
    choice.at = words_number(words, "at", 0);
    what = first_bare(words);
    if (what == NULL || strcmp(what->value, "all") == 0) {
        choice.picky = false;
    } else if (link_read(story, words, what, ends)) {
        choice.from = ends[0];
        choice.to = ends[1];
        choice.picky = true;
    } else if (!story_position(story, what->value, &choice.to)) {
        choice.label = what->value;
    }
    text = words_next(words);
    choice.text = text != NULL && text->quoted ? text->value : NULL;
    choice.picky = choice.picky || choice.text != NULL ||
                   choice.label != NULL || choice.at > 0 || choice.last;
    if (text != NULL && !text->quoted) {
        words_fault(words, "not understood here", text->value);
    }
    return choice;
}

static bool chosen(const struct story *story, const struct choice *choice,
                   const struct cluster_message *message)
{
    char line[TEXT_MAX];

    if ((choice->from != 0 && choice->from != message->from) ||
        (choice->to != 0 && choice->to != message->to) ||
        (choice->kind != 0 && choice->kind != message->message.kind) ||
        strcmp(choice->label != NULL ? choice->label : "", message->label) !=
            0) {
        return false;
    }
    if (choice->text == NULL) {
        return true;
    }
    tell_message(story, message, line, sizeof line);
    return strstr(line, choice->text) != NULL;
}

/*
 * Serials of the messages chosen: those under way now, whatever happens to
 * them. To be freed.
 */
static uint64_t *choose(struct story *story, const struct choice *choice,
                        size_t *len)
{
    const struct cluster *cluster = story->cluster;
    uint64_t *serials = calloc(cluster->network_len + 1, sizeof *serials);
    size_t count = 0;

    if (serials == NULL) {
        abort();
    }
    for (size_t i = 0; i < cluster->network_len; i++) {
        if (chosen(story, choice, cluster->network[i])) {
            serials[count] = cluster->network[i]->serial;
            count++;
        }
    }
    if (choice->at > 0 || choice->last) {
        size_t at = choice->last ? count : (size_t)choice->at;

        serials[0] = at > 0 && at <= count ? serials[at - 1] : 0;
        count = at > 0 && at <= count;
    }
    *len = count;
    return serials;
}

/* The same for a command that does something with them. */
static uint64_t *choose_some(struct story *story, struct words *words,
                             size_t *len)
{
    struct choice choice = take_choice(story, words);
    uint64_t *serials = choose(story, &choice, len);

    if (choice.picky && *len == 0) {
        story_cannot(story, "no such message is under way");
    }
    return serials;
}

static struct cluster_message *by_serial(struct story *story, uint64_t serial)
{
    struct cluster *cluster = story->cluster;

    for (size_t i = 0; i < cluster->network_len; i++) {
        if (cluster->network[i]->serial == serial) {
            return cluster->network[i];
        }
    }
    return NULL;
}

/* --------------------------------------------------------------- delivery */

/* False when it waits, for its link is cut. */
static bool deliver_one(struct story *story, struct cluster_message *message,
                        bool keep)
{
    struct cluster *cluster = story->cluster;
    uint32_t to = message->to;
    char line[TEXT_MAX];
    const struct cluster_node *node;
    int rv;

    if ((cluster->cut[message->from] >> to & 1u) != 0) {
        return false;
    }
    tell_message(story, message, line, sizeof line);
    if (to == 0) {
        story_tell(story, "%u to a stranger: %s", message->from, line);
        cluster_drop_message(cluster, message);
        return true;
    }
    node = &cluster->nodes[to];
    story_tell(story, "%u <- %u %s%s", to, message->from, line,
               node->node == NULL && !node->puppet ? " (down)" : "");
    rv = cluster_deliver_message(cluster, message, keep);
    if (rv != 0) {
        story_result(story, to, rv);
    }
    story_look(story, to);
    return true;
}

static void deliver_all(struct story *story, const uint64_t *serials,
                        size_t len, bool keep)
{
    for (size_t i = 0; i < len; i++) {
        struct cluster_message *message = by_serial(story, serials[i]);

        if (message != NULL) {
            (void)deliver_one(story, message, keep);
        }
    }
}

void mail_deliver(struct story *story, struct words *words)
{
    bool keep = words_flag(words, "keep");
    size_t len = 0;
    uint64_t *serials = choose_some(story, words, &len);

    if (story_ready(story, words)) {
        story->result = 0;
        deliver_all(story, serials, len, keep);
    }
    free(serials);
}

/* -------------------------------------------- what else may happen to them */

/* What is done to each of them. */
typedef void (*treatment)(struct cluster *cluster,
                          struct cluster_message *message);

static void treat(struct story *story, struct words *words, treatment act)
{
    size_t len = 0;
    uint64_t *serials = choose_some(story, words, &len);

    for (size_t i = 0; story_ready(story, words) && i < len; i++) {
        act(story->cluster, by_serial(story, serials[i]));
    }
    free(serials);
}

static void copy_message(struct cluster *cluster,
                         struct cluster_message *message)
{
    (void)cluster_copy_message(cluster, message);
}

static void unlabel_message(struct cluster *cluster,
                            struct cluster_message *message)
{
    (void)cluster;
    message->label[0] = '\0';
}

void mail_drop(struct story *story, struct words *words)
{
    treat(story, words, cluster_drop_message);
}

void mail_duplicate(struct story *story, struct words *words)
{
    treat(story, words, copy_message);
}

void mail_delay(struct story *story, struct words *words)
{
    treat(story, words, cluster_delay_message);
}

void mail_unlabel(struct story *story, struct words *words)
{
    treat(story, words, unlabel_message);
}

void mail_label(struct story *story, struct words *words)
{
    const struct word *name = words_next(words);
    size_t len = 0;
    uint64_t *serials = choose_some(story, words, &len);
    const char *letters = "abcdefghijklmnopqrstuvwxyz";

    if (name == NULL || strchr(letters, name->value[0]) == NULL ||
        name->value_len >= CLUSTER_LABEL_MAX) {
        words_fault(words, "not a name", name != NULL ? name->value : "");
    } else if (len != 1) {
        story_cannot(story, "%zu such messages are under way, not one", len);
    }
    if (story_ready(story, words)) {
        struct cluster_message *message = by_serial(story, serials[0]);

        (void)snprintf(message->label, sizeof message->label, "%s",
                       name->value);
    }
    free(serials);
}

void mail_list(struct story *story, struct words *words)
{
    struct cluster *cluster = story->cluster;
    char line[TEXT_MAX];

    if (!story_ready(story, words)) {
        return;
    }
    for (size_t i = 0; i < cluster->network_len; i++) {
        const struct cluster_message *message = cluster->network[i];

        tell_message(story, message, line, sizeof line);
        story_tell(story, "%u -> %u %s%s%s", message->from, message->to, line,
                   message->label[0] != '\0' ? "  = " : "", message->label);
    }
}

void mail_assert(struct story *story, struct words *words)
{
    uint64_t want = words_number(words, "count", UINT64_MAX);
    struct choice choice = take_choice(story, words);
    size_t len = 0;
    uint64_t *serials = choose(story, &choice, &len);

    if (story_ready(story, words) &&
        (want == UINT64_MAX ? len == 0 : len != want)) {
        story_wrong(story, "%zu such messages are under way", len);
    }
    free(serials);
}

/* ------------------------------------------------------------------ links */

static void set_link(struct story *story, struct words *words, bool cut)
{
    const struct word *word = words_next(words);
    uint32_t ends[2] = {0, 0};

    if (word == NULL || !link_read(story, words, word, ends)) {
        words_fault(words, "not a link", word != NULL ? word->value : "");
    }
    if (!story_ready(story, words)) {
        return;
    }
    for (uint32_t i = 1; i <= story->cluster->options.nodes; i++) {
        for (uint32_t k = 1; k <= story->cluster->options.nodes; k++) {
            uint32_t *cuts = &story->cluster->cut[i];
            bool meant = (ends[0] == 0 || ends[0] == i) &&
                         (ends[1] == 0 || ends[1] == k);

            *cuts = !meant ? *cuts : cut ? *cuts | 1u << k : *cuts & ~(1u << k);
        }
    }
}

void mail_cut(struct story *story, struct words *words)
{
    set_link(story, words, true);
}

void mail_mend(struct story *story, struct words *words)
{
    set_link(story, words, false);
}

void mail_isolate(struct story *story, struct words *words)
{
    uint32_t position = story_server(story, words);

    if (story_ready(story, words)) {
        cluster_isolate(story->cluster, position);
    }
}

void mail_heal(struct story *story, struct words *words)
{
    if (story_ready(story, words)) {
        cluster_heal(story->cluster);
    }
}

/* ---------------------------------------------------------------- going on */

/* What is not stalled and still open, as after a second fetch. */
static bool end_open(struct story *story, uint32_t position)
{
    struct cluster_node *node = &story->cluster->nodes[position];
    bool moved = false;

    if (node->halted) {
        return false;
    }
    if (node->persist_ends == CLUSTER_ENDS_INSIDE) {
        moved |= cluster_persist_all(story->cluster, position);
    }
    if (node->apply_ends == CLUSTER_ENDS_INSIDE) {
        moved |= cluster_apply_all(story->cluster, position);
    }
    if (node->fetch_ends == CLUSTER_ENDS_INSIDE) {
        moved |= cluster_fetch_one(story->cluster, position, CRAFT_ENDING_OK);
    }
    return moved;
}

/* One round: everything that can arrive now does. */
static bool round_of(struct story *story, uint32_t servers)
{
    struct choice choice = {0, 0, 0, NULL, NULL, 0, false, false};
    size_t len = 0;
    uint64_t *serials = choose(story, &choice, &len);
    bool moved = false;

    for (size_t i = 0; i < len; i++) {
        struct cluster_message *message = by_serial(story, serials[i]);

        if (message != NULL && message->to != 0 &&
            (servers >> message->to & 1u) != 0 &&
            !story->cluster->nodes[message->to].puppet) {
            moved |= deliver_one(story, message, false);
        }
    }
    free(serials);
    for (uint32_t i = 1; i <= story->cluster->options.nodes; i++) {
        if ((servers >> i & 1u) != 0 && story->cluster->nodes[i].node != NULL) {
            moved |= end_open(story, i);
            story_look(story, i);
        }
    }
    return moved;
}

static void stabilize(struct story *story, uint32_t servers)
{
    uint32_t rounds = 0;

    while (round_of(story, servers)) {
        rounds++;
        if (rounds > ROUNDS_MAX) {
            cluster_fail(story->cluster, "it does not settle");
        }
    }
}

void mail_stabilize(struct story *story, struct words *words)
{
    uint32_t servers = 0;
    const struct word *word;

    while ((word = words_next(words)) != NULL) {
        uint32_t position = 0;

        if (!story_position(story, word->value, &position)) {
            words_fault(words, "there is no server", word->value);
        }
        servers |= 1u << position;
    }
    if (story_ready(story, words)) {
        stabilize(story, servers != 0 ? servers : ~0u);
    }
}

void mail_run(struct story *story, struct words *words)
{
    const struct word *word = words_next(words);
    uint64_t rounds = 1;

    if (word != NULL && !number_read(word->value, &rounds)) {
        words_fault(words, "not a number", word->value);
    }
    if (!story_ready(story, words)) {
        return;
    }
    for (uint64_t round = 0; round < rounds; round++) {
        for (uint32_t i = 1; i <= story->cluster->options.nodes; i++) {
            if (story->cluster->nodes[i].node != NULL) {
                (void)cluster_tick(story->cluster, i, 1);
                story_look(story, i);
            }
        }
        stabilize(story, ~0u);
    }
}

void mail_elect(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);

    if (!story_ready(story, words)) {
        return;
    }
    story_result(story, node->position,
                 cluster_campaign(story->cluster, node->position));
    stabilize(story, ~0u);
    if (cluster_leader(story->cluster) != node->position) {
        story_cannot(story, "server %u is not elected", node->position);
    }
}

void mail_converge(struct story *story, struct words *words)
{
    if (story->cluster->options.puppets != 0) {
        words_fault(words, "not with puppets", "converge");
    }
    if (!story_ready(story, words)) {
        return;
    }
    for (size_t i = 0; i < story->cluster->network_len; i++) {
        story->cluster->network[i]->label[0] = '\0';
    }
    cluster_converge(story->cluster);
}
