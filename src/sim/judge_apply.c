/* The state machines: each command once, in the order of the log. */
#include "sim/judge_parts.h"

/* Is there a command after `from` and before `to`, in what is committed? */
static craft_index command_between(const struct craft_judge *judge,
                                   craft_index from, craft_index to)
{
    for (craft_index i = from + 1; i < to; i++) {
        if (judge->committed.entries[i - 1]->kind == CRAFT_ENTRY_COMMAND) {
            return i;
        }
    }
    return 0;
}

void craft_judge_passed(struct craft_judge *judge, uint32_t server,
                        craft_index index)
{
    struct craft_judge_server *of = &judge->servers[server];
    craft_index missed = command_between(judge, of->applied, index + 1);

    if (missed != 0) {
        craft_judge_convict(judge, "%u never applies %llu", server,
                            LLU(missed));
    } else if (index > of->applied) {
        of->applied = index;
    }
}

static const char *batch_fault(const struct craft_judge *judge,
                               const struct craft_judge_server *of,
                               const craft_entry *entries, size_t entries_len)
{
    const struct craft_judge_log *log = &of->disk.log;
    craft_index first;
    craft_index last;

    if (of->batch.lent != NULL) {
        return "while it is applying";
    }
    if (entries_len == 0) {
        return "nothing";
    }
    first = entries[0].index;
    last = first + entries_len - 1;
    if (first <= of->applied || last < first) {
        return "what it has applied";
    }
    if (last > judge->committed.len) {
        return "what is not committed";
    }
    if (last > log->len ||
        log->entries[last - 1] != judge->committed.entries[last - 1]) {
        return "ahead of its disk";
    }
    return NULL;
}

/* "no other server will ever apply a different log entry for the same index"
 * (Figure 3.2, state machine safety). */
static void batch_check(struct craft_judge *judge, uint32_t server,
                        const craft_entry *entries, size_t entries_len)
{
    craft_index first = entries[0].index;

    for (size_t i = 0; i < entries_len && !judge->broken; i++) {
        const craft_entry *entry = &entries[i];
        const struct craft_judge_entry *known =
            judge->committed.entries[first + i - 1];

        if (entry->index != first + i || entry->term != known->term ||
            entry->kind != CRAFT_ENTRY_COMMAND) {
            craft_judge_convict(judge,
                                "state machine safety: %u applies %llu@%llu, "
                                "committed is %llu@%llu",
                                server, LLU(entry->index), LLU(entry->term),
                                LLU(known->index), LLU(known->term));
        }
    }
    if (!judge->broken) {
        (void)craft_judge_entries_note(
            judge, server, judge->committed.entries[first - 1]->prev, entries,
            entries_len);
    }
}

void craft_judge_apply(struct craft_judge *judge, uint32_t server,
                       const craft_entry *entries, size_t entries_len)
{
    struct craft_judge_server *of =
        craft_judge_actor(judge, server, "applies entries");
    const char *fault;
    craft_index missed;

    if (of == NULL) {
        return;
    }
    if (entries_len > 0 &&
        entries[entries_len - 1].index > judge->committed.len) {
        craft_status status = craft_judge_look(of);

        craft_judge_commit_learn(judge, server, &status);
    }
    fault = batch_fault(judge, of, entries, entries_len);
    if (fault != NULL) {
        craft_judge_convict(judge, "%u applies %s: %llu and %zu more", server,
                            fault, LLU(entries_len > 0 ? entries[0].index : 0),
                            entries_len > 0 ? entries_len - 1 : 0);
        return;
    }
    missed = command_between(judge, of->applied, entries[0].index);
    if (missed != 0) {
        craft_judge_convict(judge, "%u never applies %llu", server,
                            LLU(missed));
        return;
    }
    batch_check(judge, server, entries, entries_len);
    if (judge->broken) {
        return;
    }
    of->batch.lent = entries;
    of->batch.lent_len = entries_len;
    of->batch.lent_tokens = craft_judge_entries_tokens(entries, entries_len);
    of->batch.tip =
        judge->committed.entries[entries[0].index + entries_len - 2];
}

void craft_judge_batch_end(struct craft_judge *judge, uint32_t server)
{
    struct craft_judge_batch *batch = &judge->servers[server].batch;

    if (batch->lent != NULL &&
        !craft_judge_entries_same(batch->tip, batch->lent, batch->lent_len,
                                  batch->lent_tokens)) {
        craft_judge_convict(judge,
                            "%u: the batch to apply up to %llu has "
                            "changed",
                            server, LLU(batch->tip->index));
    }
    batch->lent = NULL;
}

void craft_judge_applied(struct craft_judge *judge, uint32_t server,
                         craft_index index, int ending)
{
    struct craft_judge_server *of = craft_judge_server_of(judge, server);
    craft_index before;

    if (of == NULL || of->batch.lent == NULL) {
        return;
    }
    before = of->batch.tip->index - of->batch.lent_len;
    if (index < before || index > of->batch.tip->index) {
        return; /* refused: it stays open */
    }
    craft_judge_batch_end(judge, server);
    if (ending != CRAFT_ENDING_OK) {
        of->ended = true;
    } else if (index > of->applied) {
        of->applied = index;
    }
}
