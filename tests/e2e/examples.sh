#!/bin/sh
# The two small examples: three servers in one process agree, twice in the
# same way; one server with a disk goes on where it was.
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/e2e/lib.sh"

trap cleanup EXIT
DIR=$(mktemp -d "${TMPDIR:-/tmp}/craft-e2e.XXXXXX") || exit 1

"$CRAFT_BUILD_DIR/craft-counter" >"$DIR/one" || fail "craft-counter: $?"
"$CRAFT_BUILD_DIR/craft-counter" >"$DIR/two" || fail "craft-counter: $?"
cmp -s "$DIR/one" "$DIR/two" || fail "two runs of craft-counter differ"
grep -q '^2 servers agree$' "$DIR/one" || fail "craft-counter says something else"

# single EXPECTED NUMBER...
single() {
    expected=$1
    shift
    sum=$("$CRAFT_BUILD_DIR/craft-single" "$DIR/store" "$@") ||
        fail "craft-single $*: $?"
    [ "$sum" = "$expected" ] || fail "craft-single $*: $sum, not $expected"
}

single 7 3 4
single 7
single 15 -2 10
# More than one batch of entries to restore.
# shellcheck disable=SC2046
single 1015 $(awk 'BEGIN { for (i = 0; i < 1000; i++) print 1 }')
single 1015

"$CRAFT_BUILD_DIR/craft-single" 2>/dev/null
[ $? -eq 2 ] || fail "craft-single without a directory"
note "examples: ok"
