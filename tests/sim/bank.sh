#!/bin/sh
# The example of a state machine of one's own: the healthy bank passes; the one
# that takes its log twice passes where no server crashes, is convicted where
# they do, by its seed again and by the smaller plan alone; the plan has a
# restart and little else.
CRAFT_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$CRAFT_ROOT/tests/setup.sh"

bank=$CRAFT_BUILD_DIR/craft-bank
[ -x "$bank" ] || {
    echo "SKIPPED: the examples are not built"
    exit 77
}
dir=$(mktemp -d "${TMPDIR:-/tmp}/craft-bank.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    tail -n 20 "$dir/out" >&2
    exit 1
}

# run STATUS ARGUMENTS...
run() {
    wanted=$1
    shift
    "$bank" "$@" >"$dir/out" 2>&1
    status=$?
    [ "$status" -eq "$wanted" ] || fail "craft-bank $*: exit $status"
}

run 0 --seeds 1..200
grep -q '^200 seeds passed, 0 failed: .* 0 undecided' "$dir/out" ||
    fail "another last line"
run 0 --bug --profile calm --seeds 1..20

run 1 --bug --profile crash --seeds 1..20
seed=$(sed -n 's/^seed \([0-9]*\) FAILED: machine: .*/\1/p' "$dir/out" |
    head -n 1)
[ -n "$seed" ] || fail "no seed is named"
run 0 --profile crash --seed "$seed"
run 1 --bug --profile crash --seed "$seed"
grep -q "^seed $seed FAILED: machine: " "$dir/out" || fail "another verdict"

sed -n '/^a smaller plan/,$s/^  //p' "$dir/out" >"$dir/plan"
grep -Eq '^(crash|stop) ' "$dir/plan" || fail "a plan without a restart"
[ "$(wc -l <"$dir/plan")" -le 7 ] || fail "a plan that is not small"
run 1 --bug --seed "$seed" --plan "$dir/plan" --shrink 1
run 0 --seed "$seed" --plan "$dir/plan"
echo "bank: ok"
