/* Every entry that ever existed, once; and logs made of them. */
#include <stdlib.h>
#include <string.h>

#include "sim/judge_parts.h"

#define CHUNK_BYTES ((size_t)1 << 16)

/* -------------------------------------------------------------------- logs */

const struct craft_judge_entry *
craft_judge_at(const struct craft_judge_entry *tip, craft_index index)
{
    if (tip == NULL || index == 0 || index > tip->index) {
        return NULL;
    }
    while (tip->index > index) {
        tip = tip->jump->index >= index ? tip->jump : tip->prev;
    }
    return tip;
}

bool craft_judge_within(const struct craft_judge_entry *tip,
                        const struct craft_judge_entry *entry)
{
    return entry == NULL || craft_judge_at(tip, entry->index) == entry;
}

craft_index craft_judge_index(const struct craft_judge_entry *tip)
{
    return tip != NULL ? tip->index : 0;
}

craft_term craft_judge_term_at(const struct craft_judge_entry *tip)
{
    return tip != NULL ? tip->term : 0;
}

void craft_judge_log_follow(struct craft_judge *judge,
                            struct craft_judge_log *log,
                            const struct craft_judge_entry *tip)
{
    size_t len = (size_t)craft_judge_index(tip);
    size_t known = log->len < len ? log->len : len;
    void *entries = (void *)log->entries;

    if (!craft_judge_grow(judge, &entries, &log->max, len,
                          sizeof(const struct craft_judge_entry *))) {
        return;
    }
    log->entries = entries;
    log->len = len;
    /* Where both held the same entry, they held the same below it. */
    while (tip != NULL &&
           (tip->index > known || log->entries[tip->index - 1] != tip)) {
        log->entries[tip->index - 1] = tip;
        tip = tip->prev;
    }
}

const struct craft_judge_entry *
craft_judge_log_tip(const struct craft_judge_log *log)
{
    return log->len > 0 ? log->entries[log->len - 1] : NULL;
}

/* ----------------------------------------------------------------- entries */

static struct craft_judge_entry *entry_find(const struct craft_judge *judge,
                                            craft_index index, craft_term term)
{
    struct craft_judge_entry *entry = NULL;

    if (index > 0 && index <= judge->entries_len) {
        entry = judge->entries[index - 1];
    }
    while (entry != NULL && entry->term != term) {
        entry = entry->other;
    }
    return entry;
}

const struct craft_judge_entry *
craft_judge_entry_find(const struct craft_judge *judge, craft_index index,
                       craft_term term)
{
    return entry_find(judge, index, term);
}

static void *arena_take(struct craft_judge *judge, size_t size)
{
    struct craft_judge_chunk *chunk = judge->chunks;
    void *taken;

    size = (size + 15u) & ~(size_t)15u;
    if (chunk == NULL || size > chunk->size - chunk->used) {
        size_t bytes = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        size_t head = (sizeof *chunk + 15u) & ~(size_t)15u;

        chunk = malloc(head + bytes);
        if (chunk == NULL) {
            craft_judge_convict(judge, "out of memory");
            return NULL;
        }
        chunk->next = judge->chunks;
        chunk->size = head + bytes;
        chunk->used = head;
        judge->chunks = chunk;
    }
    taken = (uint8_t *)chunk + chunk->used;
    chunk->used += size;
    return taken;
}

/*
 * Where to jump from an entry behind prev: over two stretches of one length
 * at once (Myers 1983, "An applicative random-access stack"), so that any
 * earlier entry is O(log n) steps away.
 */
static const struct craft_judge_entry *
jump_behind(const struct craft_judge_entry *prev)
{
    const struct craft_judge_entry *far = prev->jump;

    return prev->index - far->index == far->index - far->jump->index ? far->jump
                                                                     : prev;
}

static struct craft_judge_entry *entry_add(struct craft_judge *judge,
                                           const struct craft_judge_entry *prev,
                                           const craft_entry *entry)
{
    struct craft_judge_entry *added;
    void *entries = (void *)judge->entries;
    uint8_t *data;

    if (!craft_judge_grow(judge, &entries, &judge->entries_max,
                          (size_t)entry->index,
                          sizeof(struct craft_judge_entry *))) {
        return NULL;
    }
    judge->entries = entries;
    added = arena_take(judge, sizeof *added + entry->data_len);
    if (added == NULL) {
        return NULL;
    }
    if (entry->index > judge->entries_len) {
        judge->entries[entry->index - 1] = NULL;
        judge->entries_len = (size_t)entry->index;
    }
    data = (uint8_t *)(added + 1);
    if (entry->data_len > 0) {
        memcpy(data, entry->data, entry->data_len);
    }
    added->index = entry->index;
    added->term = entry->term;
    added->prev = prev;
    added->jump = prev != NULL ? jump_behind(prev) : added;
    added->other = judge->entries[entry->index - 1];
    added->token = 0;
    added->data = data;
    added->data_len = entry->data_len;
    added->kind = entry->kind;
    judge->entries[entry->index - 1] = added;
    return added;
}

static bool entry_says(const struct craft_judge_entry *known,
                       const craft_entry *entry)
{
    return known->kind == entry->kind && known->data_len == entry->data_len &&
           (entry->data_len == 0 ||
            memcmp(known->data, entry->data, entry->data_len) == 0);
}

/* An entry that nobody has seen before is made by the leader of its term;
 * but the first one of a group by each of its founders. */
static void maker_check(struct craft_judge *judge, uint32_t server,
                        const craft_entry *entry)
{
    const struct craft_judge_term *term;

    if (entry->index == 1 && entry->term == CRAFT_JUDGE_FIRST_TERM) {
        return;
    }
    term = craft_judge_term_find(judge, entry->term);
    if (term != NULL && term->leader != 0 && term->leader != server) {
        craft_judge_convict(judge,
                            "%u has %llu@%llu, which the leader of that term, "
                            "%u, never showed",
                            server, LLU(entry->index), LLU(entry->term),
                            term->leader);
        return;
    }
    craft_judge_lead(judge, server, entry->term);
}

/*
 * "If two logs contain an entry with the same index and term, then the logs
 * are identical in all entries up through the given index" (Figure 3.2): one
 * object for each, with one before it.
 */
static const struct craft_judge_entry *
entry_note(struct craft_judge *judge, uint32_t server,
           const struct craft_judge_entry *prev, const craft_entry *entry)
{
    struct craft_judge_entry *known =
        entry_find(judge, entry->index, entry->term);

    if (known == NULL) {
        if (entry->kind < CRAFT_ENTRY_COMMAND ||
            entry->kind > CRAFT_ENTRY_CONFIGURATION) {
            craft_judge_convict(judge, "%u has an entry of kind %u", server,
                                entry->kind);
        }
        maker_check(judge, server, entry);
        if (judge->broken) {
            return NULL;
        }
        known = entry_add(judge, prev, entry);
        if (known != NULL && known->kind == CRAFT_ENTRY_COMMAND) {
            craft_judge_command_note(judge, known);
        }
    } else if (known->prev != prev || !entry_says(known, entry)) {
        craft_judge_convict(judge,
                            "log matching: %u has another entry "
                            "%llu@%llu",
                            server, LLU(entry->index), LLU(entry->term));
    }
    if (known != NULL && entry->token != 0) {
        craft_judge_token_note(judge, server, entry, known);
    }
    return known;
}

const struct craft_judge_entry *
craft_judge_entries_note(struct craft_judge *judge, uint32_t server,
                         const struct craft_judge_entry *prev,
                         const craft_entry *entries, size_t entries_len)
{
    craft_term most = judge->servers[server].term;

    for (size_t i = 0; i < entries_len && !judge->broken; i++) {
        const craft_entry *entry = &entries[i];

        if (entry->index != craft_judge_index(prev) + 1 ||
            entry->term < craft_judge_term_at(prev) || entry->term == 0 ||
            entry->term > most) {
            craft_judge_convict(judge,
                                "%u: entry %llu@%llu stands behind %llu@%llu "
                                "in term %llu",
                                server, LLU(entry->index), LLU(entry->term),
                                LLU(craft_judge_index(prev)),
                                LLU(craft_judge_term_at(prev)), LLU(most));
            break;
        }
        prev = entry_note(judge, server, prev, entry);
    }
    return prev;
}

/* ------------------------------------------------------------ what is lent */

uint64_t craft_judge_entries_tokens(const craft_entry *entries,
                                    size_t entries_len)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < entries_len; i++) {
        sum = sum * 31u + entries[i].token;
    }
    return sum;
}

bool craft_judge_entries_same(const struct craft_judge_entry *tip,
                              const craft_entry *entries, size_t entries_len,
                              uint64_t tokens)
{
    for (size_t i = entries_len; i > 0; i--) {
        const craft_entry *entry = &entries[i - 1];

        if (entry->index != tip->index || entry->term != tip->term ||
            !entry_says(tip, entry)) {
            return false;
        }
        tip = tip->prev;
    }
    return craft_judge_entries_tokens(entries, entries_len) == tokens;
}
