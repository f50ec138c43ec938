/* The table of commands: what the language is. */
#ifndef SCENARIO_TABLE_H
#define SCENARIO_TABLE_H

#include "story.h"

struct command {
    const char *name;
    const char *arguments;
    const char *help; /* one line; a section begins where name is NULL */
    void (*run)(struct story *story, struct words *words);
    bool needs_cluster;
};

const struct command *command_find(const char *name);

/* The page about the language, on stdout. */
void table_describe(void);

/* Named rows of other files, for the page. */
struct described {
    const char *name;
    const char *help;
};
/* Row `at` of a list, or with a NULL name behind the last. */
struct described found_option(size_t at);
struct described look_fact(size_t at);

/* found.c */
void found_cluster(struct story *story, struct words *words);
void found_restart(struct story *story, struct words *words);
void found_crash(struct story *story, struct words *words);
void found_stop(struct story *story, struct words *words);
void found_wipe(struct story *story, struct words *words);
void found_damage(struct story *story, struct words *words);

/* host.c */
void host_tick(struct story *story, struct words *words);
void host_propose(struct story *story, struct words *words);
void host_propose_many(struct story *story, struct words *words);
void host_campaign(struct story *story, struct words *words);
void host_snapshot(struct story *story, struct words *words);
void host_read(struct story *story, struct words *words);
void host_clock(struct story *story, struct words *words);
void host_read_lease(struct story *story, struct words *words);
void host_transfer(struct story *story, struct words *words);
void host_hold(struct story *story, struct words *words);
void host_release(struct story *story, struct words *words);
void host_lazy(struct story *story, struct words *words);
void host_eager(struct story *story, struct words *words);
void host_pull(struct story *story, struct words *words);
void host_unreachable(struct story *story, struct words *words);
void host_inside(struct story *story, struct words *words);
void host_refuse(struct story *story, struct words *words);

/* slow.c */
void slow_stall(struct story *story, struct words *words);
void slow_unstall(struct story *story, struct words *words);
void slow_full(struct story *story, struct words *words);
void slow_part_read(struct story *story, struct words *words);
void slow_part_written(struct story *story, struct words *words);
void slow_room(struct story *story, struct words *words);
void slow_persisted(struct story *story, struct words *words);
void slow_applied(struct story *story, struct words *words);
void slow_fetched(struct story *story, struct words *words);

/* mail.c */
void mail_deliver(struct story *story, struct words *words);
void mail_drop(struct story *story, struct words *words);
void mail_duplicate(struct story *story, struct words *words);
void mail_delay(struct story *story, struct words *words);
void mail_label(struct story *story, struct words *words);
void mail_unlabel(struct story *story, struct words *words);
void mail_list(struct story *story, struct words *words);
void mail_cut(struct story *story, struct words *words);
void mail_mend(struct story *story, struct words *words);
void mail_isolate(struct story *story, struct words *words);
void mail_heal(struct story *story, struct words *words);
void mail_assert(struct story *story, struct words *words);
void mail_stabilize(struct story *story, struct words *words);
void mail_run(struct story *story, struct words *words);
void mail_elect(struct story *story, struct words *words);
void mail_converge(struct story *story, struct words *words);

/* forge.c */
void forge_recv(struct story *story, struct words *words);
void forge_bytes(struct story *story, struct words *words);
/* The list of entries with that key; the array is the caller's to free. */
craft_entry *forge_entries(struct words *words, const char *key,
                           size_t *entries_len);

/* look.c */
void look_quiet(struct story *story, struct words *words);
void look_only_invariants(struct story *story, struct words *words);
void look_status(struct story *story, struct words *words);
void look_peers(struct story *story, struct words *words);
void look_disk(struct story *story, struct words *words);
void look_due(struct story *story, struct words *words);
void look_assert(struct story *story, struct words *words);
void look_assert_leader(struct story *story, struct words *words);
void look_assert_done(struct story *story, struct words *words);

#endif
