/*
 * craft/sim: a whole cluster in one process, decided by one seed.
 *
 * Real nodes under virtual time, over a network and disks that go wrong: the
 * simulator delays, loses, repeats and reorders messages, cuts links one way
 * and both, stalls, fills and breaks disks, crashes servers in the middle of
 * writes, pauses them and lets their clocks run at different speeds. After
 * every step it checks what Raft promises (extended paper, Figure 3.2) and
 * what this library promises; in the end all faults cease and the cluster must
 * agree with ticks alone, and what the clients saw must be linearizable.
 *
 * Your state machine takes the place of the built-in key-value store through
 * `craft_sim_machine`; craft_sim_main() makes a program of it:
 *
 *   int main(int argc, char **argv)
 *   {
 *       return craft_sim_main(argc, argv, &my_machine);
 *   }
 *
 * The same options give the same run, bit for bit, on every machine. Uses
 * craft.h and libc alone; craft_sim_main() also POSIX processes where there
 * are any. A simulation is used by one thread at a time; different ones share
 * nothing. Ownership phrases as in craft.h.
 */
#ifndef CRAFT_SIM_H
#define CRAFT_SIM_H

#include "craft.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CRAFT_SIM_SERVERS_MAX 9u
#define CRAFT_SIM_COMMAND_LEN_MAX 256u
#define CRAFT_SIM_REPLY_LEN_MAX 256u
#define CRAFT_SIM_SESSION_LEN 24u /* see craft_sim_options.sessions */

/* ------------------------------------------------------------ state machine */

/* Draws for a state machine's commands: a stream of their own. */
typedef struct craft_sim_random craft_sim_random;

/** Uniform in 0 .. bound - 1; bound > 0. Since 0.1. */
CRAFT_API uint32_t craft_sim_random_below(craft_sim_random *random,
                                          uint32_t bound);

/*
 * A deterministic state machine. Each server has an instance of it; one more
 * follows the log and is what the others are compared with: after the same
 * commands every instance must have given the same replies and have the same
 * digest. For the check of linearizability an instance is made for each key.
 */
typedef struct craft_sim_machine {
    uint32_t struct_size;
    uint32_t reserved;
    const char *name; /* one word; borrowed for ever */
    void *ctx;        /* given to every function */

    /* A new, empty instance, or NULL: out of memory. server: whose it is; 0
     * for those of the simulator, of which the first of a run is one. Nothing
     * may depend on it. */
    void *(*open)(void *ctx, craft_id server);
    void (*close)(void *ctx, void *instance);

    /* Take one command, answer with at most reply_max bytes; the length. */
    size_t (*apply)(void *ctx, void *instance, const uint8_t *command,
                    size_t command_len, uint8_t *reply, size_t reply_max);

    /* Of the whole state: equal states have equal digests, others hardly. */
    uint64_t (*digest)(void *ctx, const void *instance);

    /*
     * A command for a client to send, drawn at random: at most command_max
     * bytes; the length. serial: different in every call of a run. key_out:
     * the part of the state that it reads and writes, and no other command
     * with another key does; the same for all when it has no parts.
     */
    size_t (*draw)(void *ctx, craft_sim_random *random, uint64_t serial,
                   uint8_t *command, size_t command_max, uint64_t *key_out);

    /* Optional: a copy of an instance, or NULL: out of memory. Without it
     * histories are compared with the log alone, not with every order. */
    void *(*copy)(void *ctx, const void *instance);

    /* Optional: a command and its reply (NULL: none yet) in a few words, for
     * traces; as snprintf(). */
    size_t (*describe)(void *ctx, const uint8_t *command, size_t command_len,
                       const uint8_t *reply, size_t reply_len, char *text,
                       size_t size);
} craft_sim_machine;

/** The built-in one: keys with set, get, append, increment,
 * compare-and-set. Since 0.1. */
CRAFT_API const craft_sim_machine *craft_sim_machine_kv(void);

/* ---------------------------------------------------------- linearizability */

/* What a client saw. Frozen: stands in arrays. */
typedef struct craft_sim_operation {
    uint64_t key;           /* see craft_sim_machine.draw */
    uint64_t begin;         /* when it was sent */
    uint64_t end;           /* when it was answered; UINT64_MAX: never, it may
                               have taken effect at any time after `begin` */
    const uint8_t *command; /* [command_len] */
    size_t command_len;
    const uint8_t *reply; /* [reply_len]; when it was answered */
    size_t reply_len;
} craft_sim_operation;

enum craft_sim_verdict {
    CRAFT_SIM_LINEARIZABLE = 0,
    CRAFT_SIM_NOT_LINEARIZABLE = 1,
    CRAFT_SIM_UNDECIDED = 2 /* the limit was reached first */
};

/**
 * Whether some order of the operations, in which none stands before one that
 * ended before it began, gives these replies (Herlihy and Wing 1990), by the
 * search of Wing and Gong (1993) with Lowe's memory of states seen (2017), key
 * by key.
 *
 * @param machine         with `copy`
 * @param operations      [operations_len], in any order; borrowed for this
 *                        call
 * @param states_max      how many states may be remembered, over all keys;
 *                        0 = 1 million
 * @param key_out         may be NULL; the key that is not linearizable
 *
 * @return enum craft_sim_verdict, or CRAFT_ERR_INVALID, CRAFT_ERR_NOMEM. Cost:
 * exponential at worst, nearly linear for histories of few clients. Since 0.1.
 */
CRAFT_API int craft_sim_linearizable(const craft_sim_machine *machine,
                                     const craft_sim_operation *operations,
                                     size_t operations_len, size_t states_max,
                                     uint64_t *key_out);

/* --------------------------------------------------------------- simulation */

typedef struct craft_sim craft_sim; /* opaque */

/* Zero means drawn from the seed, or none, as each says. */
typedef struct craft_sim_options {
    uint32_t struct_size;
    uint32_t servers; /* 1 .. CRAFT_SIM_SERVERS_MAX; 0 = drawn */
    uint64_t seed;
    const char *profile; /* which faults may be drawn: a name that
                            craft_sim_profile() knows; NULL = "swarm". Copied */
    const char *plan;    /* what happens, as craft_sim_plan() prints it; NULL
                            = drawn. Copied. `servers`, if set, goes before */
    const craft_sim_machine *machine; /* NULL = craft_sim_machine_kv();
                                         borrowed until craft_sim_free() */
    /* Optional: every step as a line of text, borrowed for this call. */
    void (*trace)(void *ctx, const char *line);
    void *trace_ctx;
    uint32_t sessions; /* 1: clients repeat a command until they have its reply,
                          each within a session of craft/session.h, and it must
                          take effect once; commands and replies may then be
                          CRAFT_SIM_SESSION_LEN shorter. 0 = they go on to
                          another */
    uint32_t reserved; /* 0 */
} craft_sim_options;

/** The name of profile i, NULL after the last; about_out: what it does, in a
 * sentence; may be NULL. Since 0.1. */
CRAFT_API const char *craft_sim_profile(size_t i, const char **about_out);

/**
 * A cluster at the beginning of its run.
 *
 * @return 0, or
 *   CRAFT_ERR_INVALID  no such profile, a plan that cannot be read, too many
 *                      servers, a machine without a required function
 *   CRAFT_ERR_NOMEM
 * Since 0.1.
 */
CRAFT_API int craft_sim_new(const craft_sim_options *options,
                            craft_sim **sim_out);

/** At any time, with all that was lent; sim may be NULL. Since 0.1. */
CRAFT_API void craft_sim_free(craft_sim *sim);

enum craft_sim_state {
    CRAFT_SIM_RUNNING = 0,
    CRAFT_SIM_PASSED = 1,
    CRAFT_SIM_FAILED = 2 /* see craft_sim_report.broken */
};

/** The next event, all checks. @return enum craft_sim_state. Since 0.1. */
CRAFT_API int craft_sim_step(craft_sim *sim);
/** All of them. @return enum craft_sim_state. Since 0.1. */
CRAFT_API int craft_sim_run(craft_sim *sim);

typedef struct craft_sim_report {
    uint32_t struct_size; /* set by the caller */
    uint32_t state;       /* enum craft_sim_state */
    uint64_t seed;
    uint32_t servers;
    uint32_t faults;    /* in the plan */
    const char *broken; /* the property that is broken and by whom, in a
                             line; NULL: none; borrowed until
                             craft_sim_free() */
    uint64_t digest;    /* of everything that happened: two runs of the same
                             options have the same */
    uint64_t time_us;   /* virtual */
    uint64_t steps;     /* inputs to nodes */
    uint64_t messages;  /* sent */
    uint64_t crashes;
    uint64_t elections;  /* leaders that were elected */
    uint64_t committed;  /* entries */
    uint64_t operations; /* of clients */
    uint64_t answered;   /* those with a known outcome */
    uint64_t undecided;  /* keys whose history was not decided, 0 or 1 */
} craft_sim_report;

/** Where it stands. @return 0, or CRAFT_ERR_INVALID. Since 0.1. */
CRAFT_API int craft_sim_look(const craft_sim *sim,
                             craft_sim_report *report_out);

/** How many servers, learners and clients there are, for how long, and the
 * faults, as text, a line each (docs/testing.md): with the seed it is the whole
 * run. Borrowed until craft_sim_free(). Since 0.1. */
CRAFT_API const char *craft_sim_plan(const craft_sim *sim);

/** The node of a server, 1 .. servers, to look at; NULL while it is down.
 * Borrowed until the next step. Since 0.1. */
CRAFT_API const craft_node *craft_sim_node(const craft_sim *sim,
                                           uint32_t server);

/**
 * Find a smaller plan that breaks the same property: fewer faults, fewer
 * servers, less time, by running the simulation again and again.
 *
 * @param options      that fail; trace is not called
 * @param runs_max     how many runs to spend; 0 = 1000
 * @param shrunk_out   a simulation that has failed, with the smallest plan
 *                     found; to be freed by the caller
 *
 * @return 0, or CRAFT_ERR_STATE (these options do not fail), or what
 * craft_sim_new() returns. Since 0.1.
 */
CRAFT_API int craft_sim_shrink(const craft_sim_options *options,
                               uint32_t runs_max, craft_sim **shrunk_out);

/**
 * The program craft-sim around a state machine; `--help` tells its options.
 *
 * @param machine  NULL = craft_sim_machine_kv()
 *
 * @return the exit code: 0 all seeds passed, 1 one failed, 2 usage. Since 0.1.
 */
CRAFT_API int craft_sim_main(int argc, char **argv,
                             const craft_sim_machine *machine);

#ifdef __cplusplus
}
#endif

#endif
