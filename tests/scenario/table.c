#include "table.h"

#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
    {NULL, NULL, "Clusters", NULL, false},
    {"cluster", "N | voters=(ID, ..) [OPTION..]",
     "found N servers, 1 to 7; the options stand below", found_cluster, false},
    {"crash", "N [survive=K|all]",
     "power off; of the records that are open the first K are found on the "
     "disk [0]",
     found_crash, true},
    {"restart", "N [batch=K] [applied=I]",
     "back from the disk, in batches of K entries [8]; the state machine "
     "stands at I [0]",
     found_restart, true},
    {"stop", "N", "craft_node_stop()", found_stop, true},
    {"wipe", "N", "the disk of a server that is down is empty", found_wipe,
     true},
    {"damage", "N [term=T] [vote=ID] [hint=I] [last=I]",
     "the disk of a server that is down says this instead; its log ends at "
     "`last`",
     found_damage, true},

    {NULL, NULL, "What a host calls", NULL, false},
    {"tick", "N|(N, ..)|all [TICKS]", "time passes for these [1]", host_tick,
     true},
    {"campaign", "N", "craft_campaign()", host_campaign, true},
    {"read", "N \"NAME\"", "a linearizable read; its end is told by that name",
     host_read, true},
    {"clock", "N|(N, ..)|all MS", "their time is that, by their own clocks",
     host_clock, true},
    {"read-lease", "N MS \"NAME\"", "the same at that time, by lease if it can",
     host_read_lease, true},
    {"snapshot", "N [index=I] [keep=BYTES]",
     "craft_snapshot_begin() of I [what is applied], and craft_snapshot_end(), "
     "which keeps a tail [0]",
     host_snapshot, true},
    {"transfer", "N [TARGET]",
     "hand leadership over; its end is told as that of \"transfer\"",
     host_transfer, true},
    {"propose", "N \"DATA\" | bytes=K [untold]",
     "offer a command; with `untold` without a token", host_propose, true},
    {"propose-many", "N \"DATA\"..", "offer them all or none",
     host_propose_many, true},
    {"hold", "N", "nothing is delivered until the release", host_hold, true},
    {"release", "N", "end a hold", host_release, true},
    {"unreachable", "N PEER", "the link to that peer broke", host_unreachable,
     true},
    {"inside", "N HOOK \"COMMAND\"",
     "run that command inside the next such hook of N: send, persist, fetch, "
     "apply, done, event",
     host_inside, true},
    {"refuse", "N [K]", "the K-th allocation of N from now on fails [1]",
     host_refuse, true},
    {"lazy", "N", "effects wait to be pulled; in a cluster that says `pull`",
     host_lazy, true},
    {"pull", "N", "pull all effects of a lazy server", host_pull, true},
    {"eager", "N", "pull after every input again", host_eager, true},

    {NULL, NULL, "Disks and state machines", NULL, false},
    {"stall", "N [disk] [apply] [fetch] [parts]",
     "records [these by default], batches, fetches, reads and writes of "
     "snapshots stay open until they are ended",
     slow_stall, true},
    {"unstall", "N [disk] [apply] [fetch] [parts]",
     "what is open ends; so does again all else, inside its hook", slow_unstall,
     true},
    {"persisted", "N [ok|nospace|error] [all | ticket=T] [keep=K]",
     "end the oldest open record, or that one and those before it; with error "
     "the first K were written [any]",
     slow_persisted, true},
    {"applied", "N [ok|error] [index=I]", "end the open batch, up to I only",
     slow_applied, true},
    {"fetched", "N [ok|error] [entries=(ENTRY, ..)]",
     "end the oldest open fetch, from the disk or with these entries",
     slow_fetched, true},
    {"part-read", "N [ok|error]", "end the open read of a snapshot's part",
     slow_part_read, true},
    {"part-written", "N [ok|error]", "end the open write of one",
     slow_part_written, true},
    {"full", "N", "records with entries end with NOSPACE", slow_full, true},
    {"room", "N", "the disk is no longer full", slow_room, true},

    {NULL, NULL, "The network", NULL, false},
    {"deliver", "WHICH [keep]",
     "they arrive, in the order of sending; with `keep` they stay under way "
     "too",
     mail_deliver, true},
    {"drop", "WHICH", "they are lost", mail_drop, true},
    {"duplicate", "WHICH", "one more copy of each, as the latest",
     mail_duplicate, true},
    {"delay", "WHICH", "they become the latest", mail_delay, true},
    {"label", "NAME WHICH",
     "name one message: from now on it moves only by its name", mail_label,
     true},
    {"unlabel", "NAME", "it moves with the others again", mail_unlabel, true},
    {"network", "", "tell what is under way", mail_list, true},
    {"cut", "A->B",
     "what is sent over this link is lost, what is under way waits; `*` for "
     "any",
     mail_cut, true},
    {"mend", "A->B", "the link works again", mail_mend, true},
    {"isolate", "N", "cut all its links", mail_isolate, true},
    {"heal", "", "all links work again", mail_heal, true},
    {"recv", "N from=P KIND [FIELD..] [hostile]",
     "a message from a puppet arrives, or any at all", forge_recv, true},
    {"recv-bytes", "N HEX|\"BYTES\"", "bytes arrive", forge_bytes, true},

    {NULL, NULL, "Letting things go on", NULL, false},
    {"stabilize", "[N..]",
     "deliver to all [or these] until nothing more happens; stalled servers "
     "stay so",
     mail_stabilize, true},
    {"run", "[ROUNDS]", "a tick for all that are up, then stabilize", mail_run,
     true},
    {"elect", "N", "campaign, stabilize; N must lead then", mail_elect, true},
    {"converge", "", "no more faults: with ticks alone all must agree",
     mail_converge, true},

    {NULL, NULL, "Looking, and what must hold", NULL, false},
    {"quiet", "", "the rest of the block prints nothing", look_quiet, false},
    {"only-invariants", "",
     "from here on assertions are not judged, and what cannot be done is "
     "passed over",
     look_only_invariants, false},
    {"status", "[N|(N, ..)|all]", "where they stand", look_status, true},
    {"peers", "N", "how far its peers are, as it knows", look_peers, true},
    {"disk", "N", "what its disk holds, and the records that are open",
     look_disk, true},
    {"due", "N", "ticks until something is due", look_due, true},
    {"assert", "N FACT=VALUE..",
     "the facts stand below; a value may be a range, A..B or A.., or the "
     "beginning of a text, \"1 2 ..\"",
     look_assert, true},
    {"assert-leader", "N|none", "who leads, of those that are up",
     look_assert_leader, true},
    {"assert-done", "\"DATA\" FATE",
     "how that proposal ended: ok, superseded, unknown, refused; open, or lost "
     "with its server",
     look_assert_done, true},
    {"assert-messages", "WHICH [count=K]",
     "so many are under way [at least one]", mail_assert, true},
};

#define COMMANDS_LEN (sizeof commands / sizeof commands[0])

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS_LEN; i++) {
        if (commands[i].name != NULL && strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* -------------------------------------------------------------------- page */

/* clang-format off */
static const char opening[] =
    "# The language of scenarios\n"
    "\n"
    "<!-- Printed by `scenario --describe`. Not to be edited: "
    "change the tables in\n"
    "tests/scenario and run CRAFT_REWRITE=1 sh tests/run.sh "
    "normal scenario. -->\n"
    "\n"
    "A scenario is a story of a few servers in one text file,\n"
    "`tests/scenario/*.txt`. Every message, write and allocation "
    "of it can be moved\n"
    "by itself; nothing else happens. How to run and write them "
    "stands in\n"
    "[testing.md](testing.md).\n"
    "\n"
    "    # Thesis 3.6.2: no entry of an older term is committed by "
    "counting.\n"
    "    cluster 3\n"
    "    elect 1\n"
    "    ----\n"
    "    (what they print)\n"
    "\n"
    "    propose 1 \"x\"\n"
    "    deliver 1->2 append\n"
    "    assert 2 last=3\n"
    "    ----\n"
    "    (what they print)\n"
    "\n"
    "Comments begin with `#`; the first line is one and names the "
    "rule or pitfall\n"
    "that the file guards, with its public source. A block is some "
    "commands, one a\n"
    "line, then `----`, then what they print, up to the first "
    "blank line. A block\n"
    "that prints nothing prints `ok`. `CRAFT_REWRITE=1` writes "
    "what is printed into\n"
    "the file. What an `assert` or a `must=` says cannot be "
    "written away, nor can a\n"
    "broken invariant: of those the file is left alone and the "
    "test fails.\n"
    "\n";

static const char grammar[] =
    "Words are separated by spaces. A value is a bare word, a "
    "`\"string\"` with `\\\"`,\n"
    "`\\\\`, `\\n`, `\\xHH`, or a `(list, of, values)`. Numbers are "
    "decimal, `0x..`,\n"
    "`2^N`, `max` (2^64 - 1), or one plus or minus another: "
    "`2^62-1`. Servers are\n"
    "named by position, 1 to N, whatever their ids are; 0 is "
    "nobody. In hard states\n"
    "ids are told as they are.\n"
    "\n"
    "What a call returns is told when it is an error: `2 says "
    "NOT_LEADER`. Every\n"
    "command that makes a call takes `must=NAME`: the error that "
    "it must return, or\n"
    "`ok`.\n"
    "\n";

static const char told[] =
    "## What is told\n"
    "\n"
    "| line | says |\n"
    "|:-----|:-----|\n"
    "| `1 candidate t2`, `2 follower t2 of 1` | role, term or "
    "leader has changed |\n"
    "| `1 -> 2 append t2 prev=1@1 commit=1 [2@2 noop]` | sent; "
    "entries are INDEX@TERM and what they are. `(cut)`: lost at once |\n"
    "| `2 <- 1 append ..` | arrives. `(down)`: nobody is there |\n"
    "| `1 persist #3 term=2 vote=1 [2@2 noop]` | a record is "
    "handed out, ticket 3. `(open)`: its disk is stalled, "
    "`(full)`: it is full |\n"
    "| `1 apply [3@2 \"x\"]`, `1 fetch #1 from 2 max 8` | handed to "
    "the state machine; wanted back |\n"
    "| `1 done \"x\" ok, index 3` | a request ended |\n"
    "| `1 commit 3`, `1 durable 3`, `1 applied 3` | has risen; the "
    "last two only while it is stalled |\n"
    "| `1 halted`, `1 disk full`, `1 event: storage nospace` | "
    "trouble |\n"
    "| `1 event: hands over to 2`, `1 event: hand-over to 2 ok` | "
    "a transfer of leadership begins, ends |\n";


static const char choices[] =
    "\n"
    "## WHICH messages\n"
    "\n"
    "`WHICH` is `WHERE [KIND] [\"TEXT\"] [at=K | last]`. WHERE is "
    "`all`, `A->B` with\n"
    "`*` for any, `N` for all that go to N, or the name that "
    "`label` gave. KIND is\n"
    "the first word of what is told of it, TEXT any part of "
    "that. With `at` it is\n"
    "only the K-th of those that fit, "
    "with `last` the\n"
    "latest. There must be such a message, unless all are meant. "
    "What goes to\n"
    "puppets stays under way until it is dropped.\n"
    "\n";

static const char puppets[] =
    "## Messages of puppets\n"
    "\n"
    "`recv` makes a message of the kind, from puppet P, in "
    "`term=T`. It counts as\n"
    "history: a puppet that breaks the protocol breaks an "
    "invariant. With `hostile`\n"
    "it is outside of history, and may come from a real server, or "
    "from a stranger\n"
    "as `from-id=ID`.\n"
    "\n"
    "| kind | fields |\n"
    "|:-----|:-------|\n"
    "| vote, pre_vote | `last=INDEX@TERM` `flags=N` |\n"
    "| vote_reply, pre_vote_reply | `granted` or `refused`; `granted=N` |\n"
    "| timeout_now | `last=INDEX@TERM` |\n"
    "| read | `question=N` |\n"
    "| read_reply | `question=N` [the last that N asked] `index=I` |\n"
    "| append | `prev=INDEX@TERM` `commit=I` "
    "`entries=(INDEX@TERM:\"DATA\", INDEX@TERM:bytes=K, INDEX@TERM:noop, "
    "INDEX@TERM:KIND)` |\n"
    "| append_reply | `match=I`, or `rejected=I` `hint=INDEX@TERM`; "
    "`promise=MS` `priority=N` |\n"
    "| all | `round=N` [the last that N told P] `kind=N` `group=N` "
    "`to-id=ID` `incarnation=N` `struct-size=N` |\n";

/* clang-format on */

/* Bars would end a cell. */
static void print_code(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        printf(*c == '|' ? "\\%c" : "%c", *c);
    }
}

static void print_rows(struct described (*row)(size_t at), const char *title)
{
    struct described described = row(0);

    printf("\n## %s\n\n| name | |\n|:-----|:--|\n", title);
    for (size_t i = 0; described.name != NULL; i++) {
        described = row(i);
        if (described.name != NULL) {
            printf("| `%s` | %s |\n", described.name, described.help);
        }
    }
}

void table_describe(void)
{
    printf("%s%s%s", opening, grammar, told);
    for (size_t i = 0; i < COMMANDS_LEN; i++) {
        const struct command *command = &commands[i];

        if (command->name == NULL) {
            printf("\n## %s\n\n| command | |\n|:--------|:--|\n",
                   command->help);
            continue;
        }
        printf("| `%s%s", command->name,
               command->arguments[0] != '\0' ? " " : "");
        print_code(command->arguments);
        printf("` | %s |\n", command->help);
    }
    printf("%s%s", choices, puppets);
    print_rows(found_option, "Options of a cluster");
    print_rows(look_fact, "Facts");
    printf("| `peer=P` | these are of that peer, as the server knows: `match`, "
           "`next`, `inflight`, `progress` (probe, replicate) |\n");
}
