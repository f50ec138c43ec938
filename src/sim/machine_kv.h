/*
 * sim/machine_kv: the built-in state machine, a table of a few keys.
 *
 * A value is a number and what was appended to it: how much, and the sum of
 * all that, so that it stays small however long a run is. Each answer tells
 * exactly what came before; of two that were not answered the order does not
 * matter, which keeps a history with many of them easy to judge.
 *
 *   command                                       reply
 *   SET key number                                OK
 *   GET key                                       OK number appended sum
 *   APPEND key number                             OK appended sum
 *   INCREMENT key                                 OK number
 *   CAS key expected mask number                  OK or DIFFERS, number before
 *   anything else                                 ERROR
 *
 * The command and the key are a byte each, numbers are 8 little-endian bytes,
 * the reply's first word is a byte. SET and CAS that succeed end what was
 * appended. CAS compares the bits of the mask: all ones is the usual one; the
 * commands that are drawn compare two, for they cannot know the rest.
 *
 * Numbers that are drawn have the serial of their call above 16 bits for
 * increments: no two writes look the same, which is what makes a history easy
 * to judge.
 */
#ifndef CRAFT_SIM_MACHINE_KV_H
#define CRAFT_SIM_MACHINE_KV_H

#include "craft/sim.h"

enum {
    CRAFT_SIM_KV_SET = 1,
    CRAFT_SIM_KV_GET = 2,
    CRAFT_SIM_KV_APPEND = 3,
    CRAFT_SIM_KV_INCREMENT = 4,
    CRAFT_SIM_KV_CAS = 5
};

enum {
    CRAFT_SIM_KV_ERROR = 0,
    CRAFT_SIM_KV_OK = 1,
    CRAFT_SIM_KV_DIFFERS = 2
};

#define CRAFT_SIM_KV_KEYS 16u /* 0 .. 15 */
#define CRAFT_SIM_KV_COMMAND_LEN_MAX 26u
#define CRAFT_SIM_KV_REPLY_LEN_MAX 25u

struct craft_sim_kv_command {
    uint8_t kind;
    uint8_t key;
    uint64_t numbers[3]; /* [as its kind has] */
};

/* Its bytes; the length. */
size_t craft_sim_kv_encode(const struct craft_sim_kv_command *command,
                           uint8_t *bytes);

#endif
