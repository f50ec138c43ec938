/*
 * plan: what goes wrong, when, where and how badly.
 *
 * A plan is data: drawn from the seed under a profile (swarm testing: Groce et
 * al. 2012: each seed switches on a random subset of the kinds), or read from
 * text; and printed as text that reads back as the same plan. Everything else
 * of a run is drawn from streams that do not depend on it, so that a plan can
 * be made smaller without the rest becoming another run.
 */
#ifndef CRAFT_SIM_PLAN_H
#define CRAFT_SIM_PLAN_H

#include "base/base.h"
#include "craft/sim.h"

enum craft_sim_fault_kind {
    CRAFT_SIM_LOSS,
    CRAFT_SIM_DUPLICATE,
    CRAFT_SIM_REORDER,
    CRAFT_SIM_DELAY,
    CRAFT_SIM_STALE,
    CRAFT_SIM_CUT,
    CRAFT_SIM_PARTITION,
    CRAFT_SIM_DISK_SLOW,
    CRAFT_SIM_DISK_STALL,
    CRAFT_SIM_DISK_FULL,
    CRAFT_SIM_DISK_ERROR,
    CRAFT_SIM_CRASH,
    CRAFT_SIM_STOP,
    CRAFT_SIM_PAUSE,
    CRAFT_SIM_CLOCK,
    CRAFT_SIM_JITTER,
    CRAFT_SIM_APPLY_SLOW,
    CRAFT_SIM_APPLY_ERROR,
    CRAFT_SIM_FETCH_ERROR,
    CRAFT_SIM_MEMORY,
    CRAFT_SIM_HOLD,
    CRAFT_SIM_INSIDE,
    CRAFT_SIM_CAMPAIGN,
    CRAFT_SIM_UNREACHABLE,
    CRAFT_SIM_TICKS,
    CRAFT_SIM_DEPOSE,
    CRAFT_SIM_FAULT_KINDS
};

/* Where a kind of fault happens. */
enum craft_sim_scope {
    CRAFT_SIM_SERVERS, /* at some servers */
    CRAFT_SIM_LINKS,   /* on the links from some servers to some */
    CRAFT_SIM_SIDES    /* on the links between two sides, both ways */
};

struct craft_sim_fault_about {
    const char *name;
    uint32_t scope; /* enum craft_sim_scope */
    uint32_t strength_min;
    uint32_t strength_max;
    uint64_t span_max_us; /* drawn up to this; 0: happens at once */
    const char *about;    /* of the strength too */
};

extern const struct craft_sim_fault_about
    craft_sim_faults[CRAFT_SIM_FAULT_KINDS];

struct craft_sim_fault {
    uint64_t at; /* us */
    uint64_t until;
    uint32_t kind; /* enum craft_sim_fault_kind */
    uint32_t strength;
    uint32_t from; /* bit i: server i */
    uint32_t to;   /* the same; 0 where links have no part in it. Of one that
                      deposes, while it lasts: whom */
};

#define CRAFT_SIM_FAULTS_MAX 1024u
#define CRAFT_SIM_CLIENTS_MAX 8u
#define CRAFT_SIM_DURATION_MAX_US 100000000u

struct craft_sim_plan {
    uint32_t servers;
    uint32_t learners; /* of them, the last ones */
    uint32_t clients;
    uint64_t duration_us; /* all faults have ceased by then */
    struct craft_sim_fault *faults;
    size_t len;
    size_t max;
};

/* False: out of memory. */
bool craft_sim_plan_add(struct craft_sim_plan *plan,
                        struct craft_sim_fault fault);
bool craft_sim_plan_copy(struct craft_sim_plan *to,
                         const struct craft_sim_plan *from);
void craft_sim_plan_free(struct craft_sim_plan *plan);

/* Drawn from the seed; servers 0: drawn too. 0, CRAFT_ERR_INVALID (no such
 * profile) or CRAFT_ERR_NOMEM. */
int craft_sim_plan_draw(struct craft_sim_plan *plan, uint64_t seed,
                        const char *profile, uint32_t servers);

/* 0, CRAFT_ERR_INVALID or CRAFT_ERR_NOMEM. Strict: what reads prints back as
 * the same plan. */
int craft_sim_plan_read(struct craft_sim_plan *plan, const char *text);
/* To be freed with free(); NULL: out of memory. */
char *craft_sim_plan_print(const struct craft_sim_plan *plan);

/* Kinds that a profile may draw, a bit each, and how likely each is switched
 * on, per thousand. False: there is no such profile. */
bool craft_sim_profile_find(const char *name, uint32_t *kinds_out,
                            uint32_t *chance_out);

#endif
