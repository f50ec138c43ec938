#include "members/members.h"

#define BLOB_VERSION 1u
#define BLOB_HEADER 24u /* version, flags, lineage, members, reserved */
#define BLOB_MEMBER 40u /* fixed part of a member */
#define BLOB_TRAILER 8u /* CRC32C, reserved */
#define BLOB_INDEX 8u   /* behind the header, of one that a snapshot carries */

#define BLOB_CARRIED 1u /* the flag that tells so */

static size_t members_pad(size_t len)
{
    return (len + 7u) & ~(size_t)7u;
}

static bool member_legal(const craft_member *member)
{
    return member->id > 0 && member->id < CRAFT_NUMBER_MAX &&
           (member->role == CRAFT_MEMBER_VOTER ||
            member->role == CRAFT_MEMBER_LEARNER) &&
           member->flags == 0 && member->reserved == 0 &&
           member->address_len <= CRAFT_ADDRESS_LEN_MAX &&
           (member->address_len == 0 || member->address != NULL);
}

CRAFT_INTERNAL bool craft_members_legal(const craft_member *members,
                                        size_t members_len, size_t members_max)
{
    size_t voters = 0;

    if (members_len > members_max) {
        return false;
    }
    for (size_t i = 0; i < members_len; i++) {
        if (!member_legal(&members[i])) {
            return false;
        }
        for (size_t k = 0; k < i; k++) {
            if (members[k].id == members[i].id) {
                return false;
            }
        }
        voters += members[i].role == CRAFT_MEMBER_VOTER;
    }
    return voters > 0;
}

CRAFT_INTERNAL size_t craft_members_blob_len(const craft_member *members,
                                             size_t members_len)
{
    size_t len = BLOB_HEADER + BLOB_TRAILER + members_len * BLOB_MEMBER;

    for (size_t i = 0; i < members_len; i++) {
        len += members_pad(members[i].address_len);
    }
    return len;
}

static uint8_t *member_encode(const craft_member *member, uint8_t *at)
{
    size_t padded = members_pad(member->address_len);

    craft_store64(at, member->id);
    craft_store64(at + 8, member->incarnation);
    craft_store32(at + 16, member->role);
    craft_store32(at + 20, member->priority);
    craft_store32(at + 24, member->flags);
    craft_store32(at + 28, 0);
    craft_store64(at + 32, member->address_len);
    at += BLOB_MEMBER;
    if (padded > 0) {
        memset(at, 0, padded);
        memcpy(at, member->address, member->address_len);
    }
    return at + padded;
}

/* The member with the smallest id above `above`: a sort without moving. */
static const craft_member *member_next(const craft_member *members,
                                       size_t members_len, craft_id above)
{
    const craft_member *next = NULL;

    for (size_t i = 0; i < members_len; i++) {
        if (members[i].id > above &&
            (next == NULL || members[i].id < next->id)) {
            next = &members[i];
        }
    }
    return next;
}

/* FNV-1a with a final mix; tells clusters apart, guards against nothing. */
static uint64_t members_hash(const uint8_t *bytes, size_t len)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ bytes[i]) * 1099511628211u;
    }
    hash ^= hash >> 32;
    return hash != 0 ? hash : 1;
}

CRAFT_INTERNAL void craft_members_found(const craft_member *members,
                                        size_t members_len, uint8_t *blob)
{
    size_t len = craft_members_blob_len(members, members_len);
    uint8_t *at = blob + BLOB_HEADER;
    craft_id id = 0;

    CRAFT_ASSERT(craft_members_legal(members, members_len, members_len));
    memset(blob, 0, BLOB_HEADER);
    craft_store32(blob, BLOB_VERSION);
    craft_store32(blob + 16, (uint32_t)members_len);
    for (size_t i = 0; i < members_len; i++) {
        const craft_member *member = member_next(members, members_len, id);

        CRAFT_ASSERT(member != NULL);
        id = member->id;
        at = member_encode(member, at);
    }
    CRAFT_ASSERT((size_t)(at - blob) + BLOB_TRAILER == len);
    craft_store64(blob + 8, members_hash(blob, len - BLOB_TRAILER));
    craft_store32(at, craft_crc32c(0, blob, len - BLOB_TRAILER));
    craft_store32(at + 4, 0);
}

CRAFT_INTERNAL size_t
craft_members_carried_len(const struct craft_members *members)
{
    return craft_members_blob_len(members->member, members->len) + BLOB_INDEX;
}

CRAFT_INTERNAL void craft_members_carry(const struct craft_members *members,
                                        uint8_t *blob)
{
    size_t len = craft_members_carried_len(members);
    uint8_t *at = blob + BLOB_HEADER + BLOB_INDEX;

    memset(blob, 0, BLOB_HEADER);
    craft_store32(blob, BLOB_VERSION);
    craft_store32(blob + 4, BLOB_CARRIED);
    craft_store64(blob + 8, members->lineage);
    craft_store32(blob + 16, members->len);
    craft_store64(blob + BLOB_HEADER, members->index);
    for (uint32_t i = 0; i < members->len; i++) {
        at = member_encode(&members->member[i], at);
    }
    CRAFT_ASSERT((size_t)(at - blob) + BLOB_TRAILER == len);
    craft_store32(at, craft_crc32c(0, blob, len - BLOB_TRAILER));
    craft_store32(at + 4, 0);
}

static bool bytes_zero(const uint8_t *bytes, size_t len)
{
    size_t i = 0;

    while (i < len && bytes[i] == 0) {
        i++;
    }
    return i == len;
}

/* Read one member at *at, move on; false when it is not whole or not legal. */
static bool member_decode(const uint8_t **at, const uint8_t *end,
                          craft_member *member)
{
    const uint8_t *from = *at;
    uint64_t address_len;

    if ((size_t)(end - from) < BLOB_MEMBER) {
        return false;
    }
    member->id = craft_load64(from);
    member->incarnation = craft_load64(from + 8);
    member->role = craft_load32(from + 16);
    member->priority = craft_load32(from + 20);
    member->flags = craft_load32(from + 24);
    member->reserved = craft_load32(from + 28);
    address_len = craft_load64(from + 32);
    from += BLOB_MEMBER;
    if (address_len > CRAFT_ADDRESS_LEN_MAX ||
        members_pad((size_t)address_len) > (size_t)(end - from)) {
        return false;
    }
    member->address_len = (size_t)address_len;
    member->address = from;
    *at = from + members_pad(member->address_len);
    return bytes_zero(from + member->address_len,
                      members_pad(member->address_len) - member->address_len) &&
           member_legal(member);
}

/* How much stands before the first member. */
static size_t blob_head(uint32_t flags)
{
    return flags == BLOB_CARRIED ? BLOB_HEADER + BLOB_INDEX : BLOB_HEADER;
}

static bool blob_frame_good(const uint8_t *blob, size_t blob_len,
                            uint32_t flags)
{
    size_t body;

    if (blob == NULL || blob_len < blob_head(flags) + BLOB_TRAILER) {
        return false;
    }
    body = blob_len - BLOB_TRAILER;
    return craft_load32(blob) == BLOB_VERSION &&
           craft_load32(blob + 4) == flags && craft_load32(blob + 20) == 0 &&
           craft_load32(blob + body) == craft_crc32c(0, blob, body) &&
           craft_load32(blob + body + 4) == 0;
}

static size_t block_size(const uint8_t *blob, size_t blob_len,
                         size_t members_max, uint32_t flags)
{
    const uint8_t *at;
    const uint8_t *end;
    size_t size = sizeof(struct craft_members);
    size_t voters = 0;
    craft_id id = 0;
    uint32_t len;

    if (!blob_frame_good(blob, blob_len, flags)) {
        return 0;
    }
    at = blob + blob_head(flags);
    end = blob + blob_len - BLOB_TRAILER;
    len = craft_load32(blob + 16);
    if (len > members_max) {
        return 0;
    }
    for (uint32_t i = 0; i < len; i++) {
        craft_member member;

        if (!member_decode(&at, end, &member) || member.id <= id) {
            return 0;
        }
        id = member.id;
        voters += member.role == CRAFT_MEMBER_VOTER;
        size += sizeof member + members_pad(member.address_len);
    }
    return at == end && voters > 0 ? size : 0;
}

CRAFT_INTERNAL size_t craft_members_block_size(const uint8_t *blob,
                                               size_t blob_len,
                                               size_t members_max)
{
    return block_size(blob, blob_len, members_max, 0);
}

CRAFT_INTERNAL size_t craft_members_carried_size(const uint8_t *blob,
                                                 size_t blob_len,
                                                 size_t members_max)
{
    size_t size = block_size(blob, blob_len, members_max, BLOB_CARRIED);
    craft_index index = size > 0 ? craft_load64(blob + BLOB_HEADER) : 0;

    return index > 0 && index < CRAFT_NUMBER_MAX ? size : 0;
}

CRAFT_INTERNAL void craft_members_decode(const uint8_t *blob, size_t blob_len,
                                         size_t size,
                                         struct craft_members *block)
{
    uint32_t flags = craft_load32(blob + 4);
    const uint8_t *at = blob + blob_head(flags);
    const uint8_t *end = blob + blob_len - BLOB_TRAILER;
    uint8_t *address;

    block->below = NULL;
    block->size = (uint32_t)size;
    block->index = flags == BLOB_CARRIED ? craft_load64(blob + BLOB_HEADER) : 0;
    block->lineage = craft_load64(blob + 8);
    block->len = craft_load32(blob + 16);
    address = (uint8_t *)&block->member[block->len];
    for (uint32_t i = 0; i < block->len; i++) {
        craft_member *member = &block->member[i];
        bool whole = member_decode(&at, end, member);

        CRAFT_ASSERT(whole);
        if (member->address_len == 0) {
            member->address = NULL;
            continue;
        }
        memcpy(address, member->address, member->address_len);
        member->address = address;
        address += members_pad(member->address_len);
    }
    CRAFT_ASSERT((size_t)(address - (uint8_t *)block) == size);
}

CRAFT_INTERNAL const struct craft_members *
craft_members_at(const struct craft_members *stack, craft_index index)
{
    while (stack != NULL && stack->index > index) {
        stack = stack->below;
    }
    return stack;
}

CRAFT_INTERNAL const craft_member *
craft_members_find(const struct craft_members *members, craft_id id)
{
    if (members == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < members->len; i++) {
        if (members->member[i].id == id) {
            return &members->member[i];
        }
    }
    return NULL;
}

CRAFT_INTERNAL void craft_members_push(struct craft_members **stack,
                                       struct craft_members *members)
{
    CRAFT_ASSERT(*stack == NULL || (*stack)->index < members->index);
    members->below = *stack;
    *stack = members;
}

static void members_free_all(struct craft_members *members,
                             const craft_allocator *allocator)
{
    while (members != NULL) {
        struct craft_members *below = members->below;

        craft_memory_free(allocator, members, members->size);
        members = below;
    }
}

CRAFT_INTERNAL void craft_members_pop(struct craft_members **stack,
                                      craft_index from,
                                      const craft_allocator *allocator)
{
    while (*stack != NULL && (*stack)->index >= from) {
        struct craft_members *top = *stack;

        *stack = top->below;
        craft_memory_free(allocator, top, top->size);
    }
}

CRAFT_INTERNAL void craft_members_settle(struct craft_members *stack,
                                         craft_index index,
                                         const craft_allocator *allocator)
{
    while (stack != NULL && stack->index > index) {
        stack = stack->below;
    }
    if (stack != NULL) {
        members_free_all(stack->below, allocator);
        stack->below = NULL;
    }
}
