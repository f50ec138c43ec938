/*
 * members: the configurations of a group (thesis 4).
 *
 * A configuration is a value: an index and a list of members in order of ids,
 * in one block of memory. They form a stack by index, newest on top: one takes
 * effect when its entry is appended (thesis 4.1), and a truncation of the log
 * pops it as it happens. The blob is how an entry and a snapshot carry one:
 * versioned, checksummed, canonical (the same list gives the same bytes), and
 * with the group's lineage, a hash of the bootstrap list.
 *
 * Invariants: indexes fall strictly from the top down; every configuration
 * has at least one voter; ids are unique.
 */
#ifndef CRAFT_MEMBERS_MEMBERS_H
#define CRAFT_MEMBERS_MEMBERS_H

#include "base/memory.h"

struct craft_members {
    struct craft_members *below; /* the configuration before this one */
    craft_index index;           /* of its entry */
    uint64_t lineage;
    uint32_t size; /* of the block */
    uint32_t len;
    craft_member member[]; /* [len], then the addresses */
};

/* Is the list one that a group may have? Any order. */
CRAFT_INTERNAL bool craft_members_legal(const craft_member *members,
                                        size_t members_len, size_t members_max);

/* Length of the blob of a legal list. */
CRAFT_INTERNAL size_t craft_members_blob_len(const craft_member *members,
                                             size_t members_len);

/* The blob of a legal bootstrap list, with the lineage that it founds. */
CRAFT_INTERNAL void craft_members_found(const craft_member *members,
                                        size_t members_len, uint8_t *blob);

/*
 * Size of the block that the blob decodes to, 0 when it is none that
 * craft_members_found() makes or members are more than members_max.
 */
CRAFT_INTERNAL size_t craft_members_block_size(const uint8_t *blob,
                                               size_t blob_len,
                                               size_t members_max);

/* Decode a blob that craft_members_block_size() or, see below,
 * craft_members_carried_size() accepted into its block. */
CRAFT_INTERNAL void craft_members_decode(const uint8_t *blob, size_t blob_len,
                                         size_t size,
                                         struct craft_members *block);

/*
 * The blob by which a snapshot carries a configuration: as that of an entry,
 * with the index of the entry.
 */
CRAFT_INTERNAL size_t
craft_members_carried_len(const struct craft_members *members);
CRAFT_INTERNAL void craft_members_carry(const struct craft_members *members,
                                        uint8_t *blob);
CRAFT_INTERNAL size_t craft_members_carried_size(const uint8_t *blob,
                                                 size_t blob_len,
                                                 size_t members_max);

/* The newest of the stack with index <= index, or NULL. */
CRAFT_INTERNAL const struct craft_members *
craft_members_at(const struct craft_members *stack, craft_index index);

/* The member with this id, or NULL. */
CRAFT_INTERNAL const craft_member *
craft_members_find(const struct craft_members *members, craft_id id);

/* Put a configuration on top. */
CRAFT_INTERNAL void craft_members_push(struct craft_members **stack,
                                       struct craft_members *members);

/* Free those whose entry is at or after `from`: the log was truncated. */
CRAFT_INTERNAL void craft_members_pop(struct craft_members **stack,
                                      craft_index from,
                                      const craft_allocator *allocator);

/* Free those below the newest with index <= index: nobody asks for them. */
CRAFT_INTERNAL void craft_members_settle(struct craft_members *stack,
                                         craft_index index,
                                         const craft_allocator *allocator);

#endif
