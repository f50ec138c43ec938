#!/bin/sh
#
# The public headers alone, in the standards they promise; and in C++: it compiles
# without a warning, the records have the layout that C gives them, and a
# program that links the library runs a node.

set -eu
root=$CRAFT_SOURCE_DIR
cxx=${CXX:-c++}
if ! command -v "$cxx" >/dev/null 2>&1; then
    echo "no C++ compiler"
    exit 77
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat >"$dir/node.cpp" <<'END'
#include "craft.h"
#include "craft/session.h"

#include <cstddef>
#include <cstdio>
#include <type_traits>

#define SAME(condition) static_assert(condition, #condition)

SAME(sizeof(craft_entry) == (sizeof(void *) == 8 ? 48 : 40));
SAME(sizeof(craft_member) == (sizeof(void *) == 8 ? 48 : 40));
SAME(sizeof(craft_command) == (sizeof(void *) == 8 ? 24 : 16));
SAME(offsetof(craft_entry, data) == 32);
SAME(offsetof(craft_member, address) == 32);
SAME(std::is_standard_layout<craft_entry>::value);
SAME(std::is_standard_layout<craft_message>::value);
SAME(sizeof(craft_config) == CONFIG_SIZE);
SAME(sizeof(craft_message) == MESSAGE_SIZE);
SAME(sizeof(craft_effect) == EFFECT_SIZE);
SAME(sizeof(craft_status) == STATUS_SIZE);

namespace {

struct host {
    craft_node *node;
    std::size_t applied;
};

void send(void *, const craft_message *) {}

void persist(void *ctx, const craft_persist *record)
{
    craft_persisted(static_cast<host *>(ctx)->node, record->ticket,
                    CRAFT_ENDING_OK);
}

void apply(void *ctx, const craft_entry *entries, std::size_t len)
{
    static_cast<host *>(ctx)->applied += len;
    craft_applied(static_cast<host *>(ctx)->node, entries[len - 1].index,
                  CRAFT_ENDING_OK);
}

} // namespace

int main()
{
    static const craft_member member = {
        1, 0, CRAFT_MEMBER_VOTER, 0, 0, 0, nullptr, 0};
    static const craft_command command = {nullptr, 0, 7};
    host self = {nullptr, 0};
    craft_config config;
    craft_hooks hooks = craft_hooks();

    craft_config_init(&config, sizeof config);
    config.id = 1;
    hooks.struct_size = sizeof hooks;
    hooks.send = send;
    hooks.persist = persist;
    hooks.apply = apply;
    if (craft_node_new(&config, &hooks, &self, &self.node) != CRAFT_OK ||
        craft_node_bootstrap(self.node, &member, 1) != CRAFT_OK ||
        craft_node_start(self.node) != CRAFT_OK ||
        craft_campaign(self.node) != CRAFT_OK ||
        craft_propose_many(self.node, &command, 1) != CRAFT_OK) {
        return 1;
    }
    craft_node_free(self.node);
    std::printf("applied %zu\n", self.applied);
    return self.applied == 1 ? 0 : 1;
}
END

cat >"$dir/sizes.c" <<'END'
#include <stdio.h>

#include "craft.h"

int main(void)
{
    printf("-DCONFIG_SIZE=%zu -DMESSAGE_SIZE=%zu -DEFFECT_SIZE=%zu "
           "-DSTATUS_SIZE=%zu\n",
           sizeof(craft_config), sizeof(craft_message), sizeof(craft_effect),
           sizeof(craft_status));
    return 0;
}
END

# Strict and of its own standard, as a stranger's build would be.
for standard in c99 c11 c17; do
    for header in craft.h craft/session.h; do
        printf '#include "%s"\nextern int nothing;\n' $header >"$dir/alone.c"
        cc -std=$standard -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
            -I"$root/include" "$dir/alone.c"
    done
done
cc -std=c99 -I"$root/include" "$dir/sizes.c" -o "$dir/sizes"
sizes=$("$dir/sizes")

# The library itself without sanitizers, whatever this build is.
cc -std=c11 -O1 -c -I"$root/include" -I"$root/src" "$root/src/craft_all.c" \
    -o "$dir/craft_all.o"
for standard in c++11 c++17; do
    # shellcheck disable=SC2086
    "$cxx" -std=$standard -Wall -Wextra -Wpedantic -Werror $sizes \
        -I"$root/include" "$dir/node.cpp" "$dir/craft_all.o" -o "$dir/node"
    "$dir/node"
done
