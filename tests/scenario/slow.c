/* Slow, full and broken disks and state machines: endings one by one. */
#include <stdlib.h>
#include <string.h>

#include "table.h"

/* ---------------------------------------------------- when something ends */

static void set_modes(struct story *story, struct words *words, uint32_t mode)
{
    struct cluster_node *node = story_up(story, words);
    bool apply = words_flag(words, "apply");
    bool fetch = words_flag(words, "fetch");
    bool parts = words_flag(words, "parts");
    bool disk = words_flag(words, "disk") || (!apply && !fetch && !parts);

    if (!story_ready(story, words)) {
        return;
    }
    node->persist_ends = disk ? mode : node->persist_ends;
    node->apply_ends = apply ? mode : node->apply_ends;
    node->fetch_ends = fetch ? mode : node->fetch_ends;
    node->parts_end = parts ? mode : node->parts_end;
    if (mode == CLUSTER_ENDS_INSIDE && disk) {
        (void)cluster_persist_all(story->cluster, node->position);
    }
    if (mode == CLUSTER_ENDS_INSIDE && apply) {
        (void)cluster_apply_all(story->cluster, node->position);
    }
    if (mode == CLUSTER_ENDS_INSIDE && parts) {
        (void)cluster_part_read(story->cluster, node->position,
                                CRAFT_ENDING_OK);
        (void)cluster_part_written(story->cluster, node->position,
                                   CRAFT_ENDING_OK);
    }
    while (mode == CLUSTER_ENDS_INSIDE && fetch && node->fetches_len > 0) {
        (void)cluster_fetch_one(story->cluster, node->position,
                                CRAFT_ENDING_OK);
    }
}

/* ---------------------------------------------------------------- endings */

static int take_ending(struct words *words)
{
    if (words_flag(words, "nospace")) {
        return CRAFT_ENDING_NOSPACE;
    }
    if (words_flag(words, "error")) {
        return CRAFT_ENDING_ERROR;
    }
    (void)words_flag(words, "ok");
    return CRAFT_ENDING_OK;
}

void slow_part_read(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    int ending = take_ending(words);

    if (node->part_read.ticket == 0) {
        story_cannot(story, "no read of server %u is open", node->position);
    }
    if (story_ready(story, words)) {
        (void)cluster_part_read(story->cluster, node->position, ending);
    }
}

void slow_part_written(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    int ending = take_ending(words);

    if (node->part_write.ticket == 0) {
        story_cannot(story, "no write of server %u is open", node->position);
    }
    if (story_ready(story, words)) {
        (void)cluster_part_written(story->cluster, node->position, ending);
    }
}

void slow_stall(struct story *story, struct words *words)
{
    set_modes(story, words, CLUSTER_ENDS_WHEN_TOLD);
}

void slow_unstall(struct story *story, struct words *words)
{
    set_modes(story, words, CLUSTER_ENDS_INSIDE);
}

void slow_full(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);

    if (story_ready(story, words)) {
        node->disk_full = true;
    }
}

void slow_room(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);

    if (story_ready(story, words)) {
        node->disk_full = false;
    }
}

void slow_persisted(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    int ending = take_ending(words);
    bool all = words_flag(words, "all");
    uint64_t ticket = words_number(words, "ticket", 0);
    uint64_t keep = words_number(words, "keep", UINT64_MAX);

    if (ticket == 0 && node->records_len == 0) {
        story_cannot(story, "no record of server %u is open", node->position);
    }
    if (!story_ready(story, words)) {
        return;
    }
    if (ticket == 0) {
        ticket = node->records[all ? node->records_len - 1 : 0].ticket;
    }
    node->error_keeps = (uint32_t)(keep + 1); /* none: 0, by chance */
    story_result(
        story, node->position,
        cluster_persisted(story->cluster, node->position, ticket, ending));
    node->error_keeps = 0;
}

void slow_applied(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    int ending = take_ending(words);
    uint64_t index = words_number(words, "index", UINT64_MAX);

    if (index == UINT64_MAX && node->batch == NULL && node->installing == 0) {
        story_cannot(story, "no batch of server %u is open", node->position);
    }
    if (index == UINT64_MAX) {
        index = node->installing != 0 ? node->installing : node->batch_last;
    }
    if (story_ready(story, words)) {
        story_result(
            story, node->position,
            cluster_applied(story->cluster, node->position, index, ending));
    }
}

void slow_fetched(struct story *story, struct words *words)
{
    struct cluster_node *node = story_up(story, words);
    int ending = take_ending(words);
    size_t len = 0;
    craft_entry *entries = forge_entries(words, "entries", &len);

    if (node->fetches_len == 0) {
        story_cannot(story, "no fetch of server %u is open", node->position);
    }
    if (story_ready(story, words)) {
        if (len > 0) {
            story_result(
                story, node->position,
                cluster_fetched(story->cluster, node->position, entries, len));
        } else {
            (void)cluster_fetch_one(story->cluster, node->position, ending);
        }
    }
    free(entries);
}
