#!/bin/sh
#
# The program's options: what it refuses, with a line that says why and 2.

set -u
CRAFT_BUILD_DIR=${CRAFT_BUILD_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/build}
sim=$CRAFT_BUILD_DIR/craft-sim
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
failed=0

# refused ARGS...
refused() {
    "$sim" "$@" >"$scratch/out" 2>"$scratch/err"
    rv=$?
    if [ "$rv" -ne 2 ] || [ -s "$scratch/out" ] ||
        [ "$(wc -l <"$scratch/err")" -ne 1 ]; then
        echo "FAILED: craft-sim $* ends with $rv"
        cat "$scratch/out" "$scratch/err"
        failed=1
    fi
}

# passes ARGS...
passes() {
    if ! "$sim" "$@" >"$scratch/out" 2>"$scratch/err"; then
        echo "FAILED: craft-sim $*"
        cat "$scratch/out" "$scratch/err"
        failed=1
    fi
}

echo "crash 1..2 1 0" >"$scratch/no-plan"
printf 'servers 3\nlearners 0\nclients 1\nduration 100000\n' >"$scratch/plan"

refused
refused --sed 1
refused --seed
refused --seed one
refused --seed -1
refused --seed 18446744073709551616
refused --seeds 5
refused --seeds 5..
refused --seeds 6..5
refused --seed 1 --seeds 1..2
refused --seeds 1..2 --trace "$scratch/trace"
refused --seed 1 --servers 0
refused --seed 1 --servers 10
refused --seed 1 --sessions 2
refused --seed 1 --profile tempest
refused --seed 1 --jobs 0
refused --seed 1 --trace "$scratch/missing/trace"
refused --seed 1 --plan "$scratch/missing"
refused --seed 1 --plan "$scratch/no-plan"
passes --help
grep -q '^  swarm ' "$scratch/out" && grep -q '^  loss ' "$scratch/out" || {
    echo "FAILED: --help names no profiles, or no faults"
    failed=1
}
passes --seed 18446744073709551615
passes --seed 1 --sessions 0
passes --seed 1 --sessions 1
passes --seed 1 --plan "$scratch/plan" --servers 2 --trace -
grep -q '^seed 1 passed: 2 servers, 0 faults' "$scratch/out" || {
    echo "FAILED: the plan is not followed"
    failed=1
}
exit "$failed"
