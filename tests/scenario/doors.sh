#!/bin/sh
# Every story is the same when effects are pulled instead of hooks called, and
# when messages go through the codec.
set -eu

scenario=$CRAFT_BUILD_DIR/tests/scenario
stories=$CRAFT_SOURCE_DIR/tests/scenario
unset CRAFT_REWRITE CRAFT_PULL CRAFT_BYTES
failed=0

# with NAME VARIABLE...
with() {
    name=$1
    shift
    if ! env "$@" "$scenario" "$stories"/*.txt; then
        echo "FAILED: $name"
        failed=1
    fi
}

with "effects pulled" CRAFT_PULL=1
with "messages as bytes" CRAFT_BYTES=1
with "both" CRAFT_PULL=1 CRAFT_BYTES=1
[ "$failed" -eq 0 ]
