/* The disks: records that are handed out, how they end, what is durable. */
#include <string.h>

#include "sim/judge_parts.h"

struct craft_judge_stored craft_judge_view(const struct craft_judge_server *of)
{
    const struct craft_judge_disk *disk = &of->disk;
    struct craft_judge_stored stored = {disk->term, disk->voted_for,
                                        disk->commit_hint,
                                        craft_judge_log_tip(&disk->log)};

    return of->records_len > 0 ? of->records[of->records_len - 1].after
                               : stored;
}

/* ---------------------------------------------------- records, handed out */

static const char *flags_fault(const craft_persist *persist)
{
    const uint32_t known = CRAFT_PERSIST_HARD_STATE | CRAFT_PERSIST_TRUNCATE |
                           CRAFT_PERSIST_ENTRIES | CRAFT_PERSIST_MUST_SYNC;
    bool truncate = (persist->flags & CRAFT_PERSIST_TRUNCATE) != 0;
    bool entries = (persist->flags & CRAFT_PERSIST_ENTRIES) != 0;

    if ((persist->flags & ~known) != 0) {
        return "flags that are not known";
    }
    if ((persist->flags & CRAFT_PERSIST_MUST_SYNC) == 0) {
        return "a record that need not be durable";
    }
    if (persist->flags == CRAFT_PERSIST_MUST_SYNC) {
        return "a record of nothing";
    }
    if (entries != (persist->entries_len > 0) || (truncate && !entries)) {
        return "flags that do not fit its entries";
    }
    if (truncate ? persist->truncate_from != persist->first_index
                 : persist->truncate_from != 0) {
        return "a truncation that does not fit its entries";
    }
    return NULL;
}

static const char *hard_state_fault(const craft_persist *persist,
                                    const struct craft_judge_stored *view)
{
    if (persist->term == view->term && view->voted_for != 0 &&
        persist->voted_for != view->voted_for) {
        return "another vote of the same term";
    }
    if ((persist->flags & CRAFT_PERSIST_HARD_STATE) == 0 &&
        (persist->term != view->term ||
         persist->voted_for != view->voted_for)) {
        return "entries without the hard state they need";
    }
    if (persist->commit_hint < view->commit_hint) {
        return "a commit hint that falls";
    }
    return NULL;
}

/*
 * What it holds for durable may have been promised. The rest may be written
 * again, even with the same entries: a truncated one can return.
 */
static const char *truncation_fault(const struct craft_judge_server *of,
                                    const craft_persist *persist,
                                    const struct craft_judge_stored *view)
{
    craft_status status;

    if ((persist->flags & CRAFT_PERSIST_TRUNCATE) == 0) {
        return NULL;
    }
    status = craft_judge_look(of);
    if (persist->truncate_from == 0 ||
        persist->truncate_from > craft_judge_index(view->tip)) {
        return "a truncation behind its log";
    }
    if (persist->truncate_from <= status.durable_index) {
        return "a truncation of what it calls durable";
    }
    if (status.role == CRAFT_ROLE_LEADER) {
        return "a truncation, as the leader";
    }
    return NULL;
}

static const char *record_fault(const struct craft_judge_server *of,
                                const craft_persist *persist,
                                const struct craft_judge_stored *view)
{
    const char *fault = flags_fault(persist);

    if (persist->ticket != of->next_ticket) {
        return "a ticket out of order";
    }
    if (of->records_len >= of->config.persist_inflight_max) {
        return "more records than may be open";
    }
    if (persist->term < of->term) {
        return "a term that falls";
    }
    if (fault == NULL) {
        fault = hard_state_fault(persist, view);
    }
    return fault != NULL ? fault : truncation_fault(of, persist, view);
}

/* The last entry that is left when the record's own are appended. */
static const struct craft_judge_entry *
record_base(struct craft_judge *judge, uint32_t server,
            const craft_persist *persist,
            const struct craft_judge_entry *view_tip)
{
    const struct craft_judge_entry *base = view_tip;

    if (persist->entries_len == 0) {
        return base;
    }
    if ((persist->flags & CRAFT_PERSIST_TRUNCATE) != 0) {
        base = craft_judge_at(view_tip, persist->truncate_from - 1);
    }
    if (persist->first_index != craft_judge_index(base) + 1) {
        craft_judge_convict(judge,
                            "%u writes entries from %llu on behind a log up to "
                            "%llu",
                            server, LLU(persist->first_index),
                            LLU(craft_judge_index(base)));
    }
    return base;
}

/* A store never says that more is committed than it holds, and is. */
static void hint_check(struct craft_judge *judge, uint32_t server,
                       const craft_persist *persist, craft_index last)
{
    const struct craft_judge_server *of = &judge->servers[server];

    if (persist->commit_hint > judge->committed.len) {
        craft_status status = craft_judge_look(of);

        craft_judge_commit_learn(judge, server, &status);
    }
    if (persist->commit_hint == 1 && judge->committed.len == 0) {
        craft_judge_commit(judge, server, CRAFT_JUDGE_FIRST_TERM, 1);
    }
    if (persist->commit_hint > last ||
        persist->commit_hint > judge->committed.len) {
        craft_judge_convict(judge,
                            "%u writes commit hint %llu with a log up to %llu, "
                            "of which %zu is committed",
                            server, LLU(persist->commit_hint), LLU(last),
                            judge->committed.len);
    }
}

void craft_judge_persist(struct craft_judge *judge, uint32_t server,
                         const craft_persist *persist)
{
    struct craft_judge_server *of =
        craft_judge_actor(judge, server, "writes to its disk");
    struct craft_judge_record *record;
    struct craft_judge_stored view;
    const char *fault;

    if (of == NULL) {
        return;
    }
    view = craft_judge_view(of);
    fault = record_fault(of, persist, &view);
    if (fault != NULL) {
        craft_judge_convict(judge, "%u writes %s: ticket %llu, term %llu",
                            server, fault, LLU(persist->ticket),
                            LLU(persist->term));
        return;
    }
    of->term = persist->term;
    view.tip = record_base(judge, server, persist, view.tip);
    view.tip = craft_judge_entries_note(judge, server, view.tip,
                                        persist->entries, persist->entries_len);
    if (persist->entries_len > 0) {
        craft_judge_show(judge, server, persist->term, view.tip);
    }
    hint_check(judge, server, persist, craft_judge_index(view.tip));
    if (judge->broken) {
        return;
    }
    if ((persist->flags & CRAFT_PERSIST_HARD_STATE) != 0) {
        view.term = persist->term;
        view.voted_for = persist->voted_for;
        view.commit_hint = persist->commit_hint;
    }
    record = &of->records[of->records_len];
    record->ticket = persist->ticket;
    record->after = view;
    record->lent = persist->entries;
    record->lent_len = persist->entries_len;
    record->lent_tokens =
        craft_judge_entries_tokens(persist->entries, persist->entries_len);
    of->records_len++;
    of->next_ticket++;
}

/* ---------------------------------------------------------------- endings */

static void lent_check(struct craft_judge *judge, uint32_t server,
                       const struct craft_judge_record *record)
{
    if (!craft_judge_entries_same(record->after.tip, record->lent,
                                  record->lent_len, record->lent_tokens)) {
        craft_judge_convict(judge, "%u: what ticket %llu lent has changed",
                            server, LLU(record->ticket));
    }
}

/* The first `keep` records are durable, and no longer open. */
static void records_keep(struct craft_judge *judge, uint32_t server,
                         size_t keep)
{
    struct craft_judge_server *of = &judge->servers[server];
    const struct craft_judge_stored *after;

    if (keep == 0) {
        return;
    }
    for (size_t i = 0; i < keep; i++) {
        lent_check(judge, server, &of->records[i]);
    }
    /* Each says all that the disk holds after it: the last one will do. */
    after = &of->records[keep - 1].after;
    of->disk.term = after->term;
    of->disk.voted_for = after->voted_for;
    of->disk.commit_hint = after->commit_hint;
    craft_judge_log_follow(judge, &of->disk.log, after->tip);
    of->records_len -= keep;
    memmove(of->records, of->records + keep,
            of->records_len * sizeof *of->records);
}

/* Those from that place on are not written. */
static void records_void(struct craft_judge *judge, uint32_t server,
                         size_t from)
{
    struct craft_judge_server *of = &judge->servers[server];

    for (size_t i = from; i < of->records_len; i++) {
        lent_check(judge, server, &of->records[i]);
    }
    if (from < of->records_len) {
        of->records_len = from;
    }
}

void craft_judge_records_end(struct craft_judge *judge, uint32_t server,
                             size_t keep)
{
    const struct craft_judge_server *of = &judge->servers[server];

    records_keep(judge, server,
                 keep < of->records_len ? keep : of->records_len);
    records_void(judge, server, 0);
}

void craft_judge_persisted(struct craft_judge *judge, uint32_t server,
                           uint64_t ticket, int ending, size_t survive)
{
    struct craft_judge_server *of = craft_judge_server_of(judge, server);
    size_t at = 0;

    if (of == NULL) {
        return;
    }
    while (at < of->records_len && of->records[at].ticket != ticket) {
        at++;
    }
    if (at == of->records_len) {
        return; /* covered by a later one, or voided */
    }
    if (ending == CRAFT_ENDING_OK) {
        records_keep(judge, server, at + 1);
    } else if (ending == CRAFT_ENDING_NOSPACE) {
        records_void(judge, server, at);
    } else {
        craft_judge_records_end(judge, server, survive);
        of->ended = true;
    }
}
