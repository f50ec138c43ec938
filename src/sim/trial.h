/*
 * trial: one run in a process of its own, so that an assertion, a crash or a
 * hang of the code under test is a finding like any other. Where there are no
 * processes it runs in this one.
 */
#ifndef CRAFT_SIM_TRIAL_H
#define CRAFT_SIM_TRIAL_H

#include <stdio.h>

#include "base/base.h"
#include "craft/sim.h"
#include "sim/shrink.h"

#define CRAFT_SIM_LINES_MAX 40u
#define CRAFT_SIM_LINE_LEN_MAX 512u

/* The last lines of a trace. */
struct craft_sim_lines {
    char text[CRAFT_SIM_LINES_MAX][CRAFT_SIM_LINE_LEN_MAX];
    size_t count; /* that there were */
};

struct craft_sim_trial {
    const craft_sim_options *options;
    uint32_t seconds_max;
    FILE *trace;                   /* all lines; NULL: nowhere */
    struct craft_sim_lines *lines; /* NULL: nowhere */
    char broken[CRAFT_SIM_BROKEN_MAX];
    craft_sim_report report; /* without what it points to */
};

/* 0, or what craft_sim_new() returned. */
int craft_sim_try(struct craft_sim_trial *trial);

void craft_sim_line_add(struct craft_sim_lines *lines, const char *line);
/* The i-th of those that are kept, oldest first; NULL after the last. */
const char *craft_sim_line(const struct craft_sim_lines *lines, size_t i);

#endif
