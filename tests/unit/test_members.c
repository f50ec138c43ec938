/* members: legal lists, the blob, the stack of configurations (thesis 4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "members/members.h"
#include "test_memory.h"

#define BLOB_MAX 24000u

static const uint8_t text[CRAFT_ADDRESS_LEN_MAX + 1] = "10.0.0.1:7001";

static craft_member member(craft_id id, uint32_t role, size_t address_len)
{
    craft_member made;

    memset(&made, 0, sizeof made);
    made.id = id;
    made.incarnation = id * 1000;
    made.role = role;
    made.priority = (uint32_t)id % 3;
    made.address = address_len > 0 ? text : NULL;
    made.address_len = address_len;
    return made;
}

static craft_member voter(craft_id id)
{
    return member(id, CRAFT_MEMBER_VOTER, 13);
}

static size_t found(const craft_member *members, size_t len, uint8_t *blob)
{
    assert_true(craft_members_blob_len(members, len) <= BLOB_MAX);
    craft_members_found(members, len, blob);
    return craft_members_blob_len(members, len);
}

/* ------------------------------------------------------------ legal lists */

static void a_list_needs_a_voter(void **state)
{
    craft_member list[2] = {member(1, CRAFT_MEMBER_LEARNER, 0),
                            member(2, CRAFT_MEMBER_LEARNER, 0)};

    (void)state;
    assert_false(craft_members_legal(list, 0, 16));
    assert_false(craft_members_legal(list, 2, 16));
    list[1].role = CRAFT_MEMBER_VOTER;
    assert_true(craft_members_legal(list, 2, 16));
}

static void a_list_is_no_longer_than_allowed(void **state)
{
    craft_member list[4] = {voter(1), voter(2), voter(3), voter(4)};

    (void)state;
    assert_true(craft_members_legal(list, 4, 4));
    assert_false(craft_members_legal(list, 4, 3));
}

static void an_id_stands_once_in_a_list_and_in_range(void **state)
{
    craft_member list[3] = {voter(1), voter(2), voter(1)};

    (void)state;
    assert_false(craft_members_legal(list, 3, 16));
    list[2].id = CRAFT_NUMBER_MAX - 1;
    assert_true(craft_members_legal(list, 3, 16));
    list[2].id = CRAFT_NUMBER_MAX;
    assert_false(craft_members_legal(list, 3, 16));
    list[2].id = 0;
    assert_false(craft_members_legal(list, 3, 16));
}

static void a_member_with_fields_from_the_future_is_illegal(void **state)
{
    craft_member one = voter(1);

    (void)state;
    assert_true(craft_members_legal(&one, 1, 16));
    one.flags = 1;
    assert_false(craft_members_legal(&one, 1, 16));
    one.flags = 0;
    one.reserved = 1;
    assert_false(craft_members_legal(&one, 1, 16));
    one.reserved = 0;
    one.role = 0;
    assert_false(craft_members_legal(&one, 1, 16));
    one.role = 99;
    assert_false(craft_members_legal(&one, 1, 16));
}

static void an_address_is_within_its_limit_and_present(void **state)
{
    craft_member one = member(1, CRAFT_MEMBER_VOTER, CRAFT_ADDRESS_LEN_MAX);

    (void)state;
    assert_true(craft_members_legal(&one, 1, 16));
    one.address_len++;
    assert_false(craft_members_legal(&one, 1, 16));
    one.address_len = 1;
    one.address = NULL;
    assert_false(craft_members_legal(&one, 1, 16));
    one.address_len = 0;
    assert_true(craft_members_legal(&one, 1, 16));
}

/* --------------------------------------------------------------- the blob */

static void the_order_of_the_list_does_not_matter(void **state)
{
    craft_member list[4] = {voter(9), voter(3), voter(7), voter(1)};
    uint8_t one[BLOB_MAX];
    uint8_t other[BLOB_MAX];
    size_t len = found(list, 4, one);

    (void)state;
    for (size_t turn = 0; turn < 4; turn++) {
        craft_member first = list[0];

        memmove(list, list + 1, 3 * sizeof list[0]);
        list[3] = first;
        memset(other, (int)turn, sizeof other);
        assert_int_equal(found(list, 4, other), len);
        assert_memory_equal(one, other, len);
    }
}

static struct craft_members *decode(const uint8_t *blob, size_t len)
{
    size_t size = craft_members_block_size(blob, len, CRAFT_MEMBERS_MAX);
    struct craft_members *block;

    assert_true(size > 0);
    block = malloc(size);
    assert_non_null(block);
    craft_members_decode(blob, len, size, block);
    return block;
}

static void assert_member_equal(const craft_member *got,
                                const craft_member *want)
{
    assert_int_equal(got->id, want->id);
    assert_int_equal(got->incarnation, want->incarnation);
    assert_int_equal(got->role, want->role);
    assert_int_equal(got->priority, want->priority);
    assert_int_equal(got->flags, 0);
    assert_int_equal(got->reserved, 0);
    assert_int_equal(got->address_len, want->address_len);
    if (want->address_len == 0) {
        assert_null(got->address);
    } else {
        assert_memory_equal(got->address, want->address, want->address_len);
    }
}

/* Lists of random length, ids and addresses; ids rise. */
static size_t random_list(struct craft_random *random, craft_member *list)
{
    size_t len = 1 + craft_random_below(random, CRAFT_MEMBERS_MAX);
    craft_id id = 0;

    for (size_t i = 0; i < len; i++) {
        id += 1 + craft_random_below(random, 1000);
        list[i] = member(id, 1 + craft_random_below(random, 2),
                         craft_random_below(random, 256));
    }
    list[craft_random_below(random, (uint32_t)len)].role = CRAFT_MEMBER_VOTER;
    return len;
}

static void a_blob_decodes_to_its_list(void **state)
{
    struct craft_random random;

    (void)state;
    craft_random_init(&random, 5, 5);
    for (int round = 0; round < 300; round++) {
        craft_member list[CRAFT_MEMBERS_MAX];
        uint8_t blob[BLOB_MAX];
        size_t len = random_list(&random, list);
        size_t blob_len = found(list, len, blob);
        struct craft_members *block = decode(blob, blob_len);

        memset(blob, 0xee, sizeof blob); /* nothing points into it */
        assert_int_equal(block->len, len);
        assert_null(block->below);
        assert_true(block->lineage != 0);
        for (size_t i = 0; i < len; i++) {
            assert_member_equal(&block->member[i], &list[i]);
            assert_ptr_equal(craft_members_find(block, list[i].id),
                             &block->member[i]);
        }
        assert_null(craft_members_find(block, CRAFT_NUMBER_MAX - 1));
        assert_int_equal(
            craft_members_block_size(blob, blob_len, CRAFT_MEMBERS_MAX), 0);
        free(block);
    }
}

static void nothing_is_found_in_no_configuration(void **state)
{
    (void)state;
    assert_null(craft_members_find(NULL, 1));
}

static void a_blob_with_more_members_than_allowed_is_refused(void **state)
{
    craft_member list[3] = {voter(1), voter(2), voter(3)};
    uint8_t blob[BLOB_MAX];
    size_t len = found(list, 3, blob);

    (void)state;
    assert_true(craft_members_block_size(blob, len, 3) > 0);
    assert_int_equal(craft_members_block_size(blob, len, 2), 0);
}

static void every_truncation_of_a_blob_is_refused(void **state)
{
    craft_member list[3] = {voter(1), member(2, CRAFT_MEMBER_LEARNER, 0),
                            voter(3)};
    uint8_t blob[BLOB_MAX];
    size_t len = found(list, 3, blob);

    (void)state;
    assert_int_equal(craft_members_block_size(NULL, 0, 16), 0);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *copy = malloc(cut + 1); /* an overrun is seen */

        assert_non_null(copy);
        copy = realloc(copy, cut > 0 ? cut : 1);
        assert_non_null(copy);
        memcpy(copy, blob, cut);
        assert_int_equal(craft_members_block_size(copy, cut, 16), 0);
        free(copy);
    }
    blob[len] = 0;
    assert_int_equal(craft_members_block_size(blob, len + 1, 16), 0);
    memset(blob + len, 0, 8);
    assert_int_equal(craft_members_block_size(blob, len + 8, 16), 0);
}

static void every_flipped_bit_of_a_blob_is_refused(void **state)
{
    craft_member list[2] = {voter(1), member(2, CRAFT_MEMBER_LEARNER, 3)};
    uint8_t blob[BLOB_MAX];
    size_t len = found(list, 2, blob);

    (void)state;
    for (size_t bit = 0; bit < len * 8; bit++) {
        blob[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(craft_members_block_size(blob, len, 16), 0);
        blob[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(craft_members_block_size(blob, len, 16) > 0);
}

/* Put the checksum right, as an attacker would. */
static void seal(uint8_t *blob, size_t len)
{
    craft_store32(blob + len - 8, craft_crc32c(0, blob, len - 8));
}

/*
 * With a good checksum a blob is still read with suspicion: every byte is set
 * to a few values; what is accepted decodes within its block (ASan watches).
 */
static void a_forged_blob_is_refused_or_decodes_within_bounds(void **state)
{
    static const uint8_t values[] = {0, 1, 2, 3, 0x7f, 0x80, 0xff};
    craft_member list[2] = {voter(1), member(2, CRAFT_MEMBER_LEARNER, 3)};
    uint8_t blob[BLOB_MAX];
    size_t len = found(list, 2, blob);

    (void)state;
    for (size_t at = 0; at < len - 8; at++) {
        uint8_t old = blob[at];

        for (size_t v = 0; v < sizeof values; v++) {
            size_t size;

            blob[at] = values[v];
            seal(blob, len);
            size = craft_members_block_size(blob, len, CRAFT_MEMBERS_MAX);
            if (size > 0) {
                free(decode(blob, len));
            }
        }
        blob[at] = old;
    }
}

/* Canonical: the same list, the same bytes. */
static void a_blob_with_garbage_behind_an_address_is_refused(void **state)
{
    craft_member list[1] = {member(1, CRAFT_MEMBER_VOTER, 3)};
    uint8_t blob[BLOB_MAX];
    size_t len = found(list, 1, blob);

    (void)state;
    for (size_t at = len - 8 - 5; at < len - 8; at++) {
        assert_int_equal(blob[at], 0);
        blob[at] = 1;
        seal(blob, len);
        assert_int_equal(craft_members_block_size(blob, len, 16), 0);
        blob[at] = 0;
        seal(blob, len);
        assert_true(craft_members_block_size(blob, len, 16) > 0);
    }
}

/* In order of ids, each once. */
static void a_blob_that_is_out_of_order_is_refused(void **state)
{
    craft_member list[2] = {member(5, CRAFT_MEMBER_VOTER, 0),
                            member(9, CRAFT_MEMBER_VOTER, 0)};
    uint8_t blob[BLOB_MAX];
    size_t len = found(list, 2, blob);

    (void)state;
    for (uint64_t id = 1; id < 20; id++) {
        craft_store64(blob + len - 8 - 40, id); /* of the second one */
        seal(blob, len);
        assert_int_equal(craft_members_block_size(blob, len, 16) > 0, id > 5);
    }
}

/* A list without one cannot be founded, but may come from elsewhere. */
static void a_blob_without_a_voter_is_refused(void **state)
{
    craft_member list[2] = {member(5, CRAFT_MEMBER_VOTER, 0),
                            member(9, CRAFT_MEMBER_LEARNER, 0)};
    uint8_t blob[BLOB_MAX];
    size_t len = found(list, 2, blob);

    (void)state;
    assert_true(craft_members_block_size(blob, len, 16) > 0);
    craft_store32(blob + len - 8 - 80 + 16, CRAFT_MEMBER_LEARNER); /* of 5 */
    seal(blob, len);
    assert_int_equal(craft_members_block_size(blob, len, 16), 0);
}

static uint64_t lineage_of(const craft_member *list, size_t len)
{
    uint8_t blob[BLOB_MAX];
    size_t blob_len = found(list, len, blob);
    struct craft_members *block = decode(blob, blob_len);
    uint64_t lineage = block->lineage;

    free(block);
    return lineage;
}

/* Two clusters founded on different lists must know each other as strangers. */
static void different_lists_have_different_lineages(void **state)
{
    craft_member list[3] = {voter(1), voter(2), voter(3)};
    uint64_t lineages[7];

    (void)state;
    lineages[0] = lineage_of(list, 3);
    lineages[1] = lineage_of(list, 2);
    list[2].id = 4;
    lineages[2] = lineage_of(list, 3);
    list[2].role = CRAFT_MEMBER_LEARNER;
    lineages[3] = lineage_of(list, 3);
    list[2].incarnation++;
    lineages[4] = lineage_of(list, 3);
    list[2].address_len--;
    lineages[5] = lineage_of(list, 3);
    list[2].priority++;
    lineages[6] = lineage_of(list, 3);
    for (size_t i = 0; i < 7; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_true(lineages[i] != lineages[k]);
        }
    }
}

/* -------------------------------------------------------------- the stack */

static void push(struct craft_members **stack, craft_index index,
                 const craft_allocator *allocator)
{
    craft_member one = voter(index);
    uint8_t blob[BLOB_MAX];
    size_t len = found(&one, 1, blob);
    size_t size = craft_members_block_size(blob, len, 16);
    struct craft_members *block = craft_memory_alloc(allocator, size);

    assert_non_null(block);
    craft_members_decode(blob, len, size, block);
    block->index = index;
    craft_members_push(stack, block);
}

static void assert_stack(const struct craft_members *stack,
                         const craft_index *indexes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        assert_non_null(stack);
        assert_int_equal(stack->index, indexes[i]);
        assert_non_null(craft_members_find(stack, indexes[i]));
        stack = stack->below;
    }
    assert_null(stack);
}

static void a_truncation_pops_what_it_takes_away(void **state)
{
    static const craft_index all[] = {9, 5, 1};
    struct test_memory memory = {0};
    craft_allocator allocator = test_memory_allocator(&memory);
    struct craft_members *stack = NULL;

    (void)state;
    craft_members_pop(&stack, 1, &allocator);
    push(&stack, 1, &allocator);
    push(&stack, 5, &allocator);
    push(&stack, 9, &allocator);
    craft_members_pop(&stack, 10, &allocator);
    assert_stack(stack, all, 3);
    craft_members_pop(&stack, 9, &allocator);
    assert_stack(stack, all + 1, 2);
    craft_members_pop(&stack, 2, &allocator);
    assert_stack(stack, all + 2, 1);
    craft_members_pop(&stack, 1, &allocator);
    assert_null(stack);
    assert_int_equal(memory.blocks, 0);
}

static void settling_keeps_the_committed_one_and_all_above(void **state)
{
    static const craft_index all[] = {9, 5, 3, 1};
    struct test_memory memory = {0};
    craft_allocator allocator = test_memory_allocator(&memory);
    struct craft_members *stack = NULL;

    (void)state;
    craft_members_settle(stack, 100, &allocator);
    push(&stack, 1, &allocator);
    push(&stack, 3, &allocator);
    push(&stack, 5, &allocator);
    push(&stack, 9, &allocator);
    craft_members_settle(stack, 0, &allocator);
    assert_stack(stack, all, 4);
    craft_members_settle(stack, 2, &allocator);
    assert_stack(stack, all, 4);
    craft_members_settle(stack, 4, &allocator);
    assert_stack(stack, all, 3);
    craft_members_settle(stack, 8, &allocator);
    assert_stack(stack, all, 2);
    craft_members_settle(stack, 9, &allocator);
    assert_stack(stack, all, 1);
    assert_int_equal(memory.blocks, 1);
    craft_members_pop(&stack, 0, &allocator);
    assert_int_equal(memory.blocks, 0);
}

/* ------------------------------------------------- carried by a snapshot */

/* One configuration of three, of entry 7, and the blob that carries it. */
static size_t carried(uint8_t *blob, struct craft_members **members_out)
{
    craft_member list[3] = {voter(3), member(9, CRAFT_MEMBER_LEARNER, 0),
                            voter(1)};
    size_t len = found(list, 3, blob);
    size_t size = craft_members_block_size(blob, len, 16);
    struct craft_members *members = malloc(size);

    assert_non_null(members);
    craft_members_decode(blob, len, size, members);
    members->index = 7;
    *members_out = members;
    len = craft_members_carried_len(members);
    craft_members_carry(members, blob);
    return len;
}

/* openraft dba24036, redisraft 51c1b78: also after a second snapshot. */
static void a_carried_blob_decodes_to_the_same_with_its_index(void **state)
{
    struct craft_members *members;
    struct craft_members *again;
    uint8_t blob[BLOB_MAX];
    uint8_t second[BLOB_MAX];
    size_t len = carried(blob, &members);
    size_t size = craft_members_carried_size(blob, len, 16);

    (void)state;
    assert_int_equal(size, members->size);
    again = malloc(size);
    assert_non_null(again);
    craft_members_decode(blob, len, size, again);
    assert_int_equal(again->index, 7);
    assert_int_equal(again->lineage, members->lineage);
    assert_int_equal(again->len, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(again->member[i].id, members->member[i].id);
        assert_int_equal(again->member[i].role, members->member[i].role);
        assert_int_equal(again->member[i].address_len,
                         members->member[i].address_len);
    }
    assert_int_equal(craft_members_carried_len(again), len);
    craft_members_carry(again, second);
    assert_memory_equal(blob, second, len);
    free(again);
    free(members);
}

static void a_carried_blob_is_not_that_of_an_entry(void **state)
{
    struct craft_members *members;
    uint8_t blob[BLOB_MAX];
    size_t len = carried(blob, &members);
    craft_member one = voter(1);

    (void)state;
    assert_int_equal(craft_members_block_size(blob, len, 16), 0);
    len = found(&one, 1, blob);
    assert_int_equal(craft_members_carried_size(blob, len, 16), 0);
    free(members);
}

static void a_damaged_carried_blob_is_refused(void **state)
{
    struct craft_members *members;
    uint8_t blob[BLOB_MAX];
    size_t len = carried(blob, &members);

    (void)state;
    for (size_t bit = 0; bit < 8 * len; bit++) {
        blob[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(craft_members_carried_size(blob, len, 16), 0);
        blob[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t short_len = 0; short_len < len; short_len++) {
        assert_int_equal(craft_members_carried_size(blob, short_len, 16), 0);
    }
    members->index = 0;
    craft_members_carry(members, blob);
    assert_int_equal(craft_members_carried_size(blob, len, 16), 0);
    free(members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_carried_blob_decodes_to_the_same_with_its_index),
        cmocka_unit_test(a_carried_blob_is_not_that_of_an_entry),
        cmocka_unit_test(a_damaged_carried_blob_is_refused),
        cmocka_unit_test(a_list_needs_a_voter),
        cmocka_unit_test(a_list_is_no_longer_than_allowed),
        cmocka_unit_test(an_id_stands_once_in_a_list_and_in_range),
        cmocka_unit_test(a_member_with_fields_from_the_future_is_illegal),
        cmocka_unit_test(an_address_is_within_its_limit_and_present),
        cmocka_unit_test(the_order_of_the_list_does_not_matter),
        cmocka_unit_test(a_blob_decodes_to_its_list),
        cmocka_unit_test(nothing_is_found_in_no_configuration),
        cmocka_unit_test(a_blob_with_more_members_than_allowed_is_refused),
        cmocka_unit_test(every_truncation_of_a_blob_is_refused),
        cmocka_unit_test(every_flipped_bit_of_a_blob_is_refused),
        cmocka_unit_test(a_forged_blob_is_refused_or_decodes_within_bounds),
        cmocka_unit_test(a_blob_with_garbage_behind_an_address_is_refused),
        cmocka_unit_test(a_blob_that_is_out_of_order_is_refused),
        cmocka_unit_test(a_blob_without_a_voter_is_refused),
        cmocka_unit_test(different_lists_have_different_lineages),
        cmocka_unit_test(a_truncation_pops_what_it_takes_away),
        cmocka_unit_test(settling_keeps_the_committed_one_and_all_above),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
