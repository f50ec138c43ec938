/*
 * story: one run of a script: a cluster, the commands that move it, and what
 * they print.
 *
 * A command does something only after it has understood its whole line: it
 * takes its words, then asks story_ready(), then acts.
 */
#ifndef SCENARIO_STORY_H
#define SCENARIO_STORY_H

#include "cluster.h"
#include "words.h"

#if defined(__GNUC__)
#define STORY_FORMAT(at) __attribute__((format(printf, at, at + 1)))
#else
#define STORY_FORMAT(at)
#endif

/* A growing text. */
struct text {
    char *bytes;
    size_t len;
    size_t max;
};

/* What was last told of a server. */
struct story_seen {
    craft_term term;
    craft_id leader;
    craft_index commit;
    craft_index durable;
    craft_index applied;
    uint32_t role;
    uint32_t flags;
};

/* A command that waits for a hook. */
struct story_inside {
    uint32_t position;
    uint32_t effect; /* enum craft_effect_kind; 0: none waits */
    char *command;
};

#define STORY_INSIDE_MAX 4u
#define STORY_NO_RESULT 1

struct story {
    const char *path;
    size_t line; /* that runs, from 1 */
    struct cluster *cluster;
    struct cluster_refusal *refusal; /* or NULL */
    struct text out;                 /* of this block */
    bool quiet;
    bool wrong;    /* an assertion failed */
    bool lenient;  /* an allocation failed, or so told: only invariants count */
    bool refusing; /* the script refuses memory itself */
    bool trace;
    bool pull;     /* all clusters as if they said so */
    bool bytes;    /* the same */
    uint64_t seed; /* of clusters that do not say theirs */

    int result;       /* of the command that runs; or STORY_NO_RESULT */
    char cannot[200]; /* why it cannot be done now */
    struct story_seen seen[CLUSTER_NODES_MAX + 1];
    /* The last that each sent to each. */
    uint64_t rounds[CLUSTER_NODES_MAX + 1][CLUSTER_NODES_MAX + 1];
    uint64_t questions[CLUSTER_NODES_MAX + 1]; /* the last of each */
    char **commands; /* what token t + 1 proposed, as told */
    size_t commands_len;
    struct story_inside inside[STORY_INSIDE_MAX];
};

/* Run one line. Ends the program when the line cannot be understood. */
void story_run(struct story *story, const char *line);
void story_end(struct story *story);

/* ------------------------------------------------------- while it is parsed */

/* Line and story fit; with false the command returns. */
bool story_ready(struct story *story, struct words *words);
STORY_FORMAT(2)
void story_cannot(struct story *story, const char *format, ...);

/* A server by its position; 0 and a fault when there is none. */
uint32_t story_server(struct story *story, struct words *words);
/* The same, which must be up; puppets never are. */
struct cluster_node *story_up(struct story *story, struct words *words);
/* One, a (list), `all` or nothing: a bit per position of those that are up. */
uint32_t story_servers(struct story *story, struct words *words);
bool story_position(const struct story *story, const char *text,
                    uint32_t *position);

/* ----------------------------------------------------------- what it says */

STORY_FORMAT(2)
void story_tell(struct story *story, const char *format, ...);
/* What an input of a server has returned; 0 is not told. */
void story_result(struct story *story, uint32_t position, int rv);
/* Tell what has changed in a server; in all. */
void story_look(struct story *story, uint32_t position);
void story_look_all(struct story *story);
/* What is so is no news. */
void story_see(struct story *story, uint32_t position,
               const craft_status *status);
/* An assertion of the script fails. */
STORY_FORMAT(2)
void story_wrong(struct story *story, const char *format, ...);

STORY_FORMAT(2)
void text_add(struct text *text, const char *format, ...);
const char *text_of(const struct text *text); /* never NULL */
void text_free(struct text *text);

/* A fresh cluster, of which nothing is told; the one before goes. */
void story_forget(struct story *story);
struct cluster *story_found(const struct cluster_options *options);
/* Something that must hold does not: ends the program. */
#if defined(__GNUC__)
__attribute__((noreturn))
#endif
void story_broken(const struct story *story, const char *text);

/* tell.c */
void tell_effect(struct cluster_node *node, const craft_effect *effect);
void tell_message(const struct story *story,
                  const struct cluster_message *message, char *text,
                  size_t size);
void tell_kind(uint32_t kind, char *text, size_t size); /* of a message */
/* What craft_describe_message() wrote, without `FROM -> TO ` and the numbers of
 * questions and forwarded commands, which are drawn. */
const char *tell_payload(char *line);
const char *tell_error(int error); /* without CRAFT_ERR_ */
const char *tell_role(uint32_t role);
const char *tell_ending(int ending);
const char *tell_result(int result); /* of a request */
/* Bytes as a string, at most as many as messages show. */
void tell_bytes(const uint8_t *bytes, size_t len, char *text, size_t size);
struct story *story_of(struct cluster *cluster);

#endif
