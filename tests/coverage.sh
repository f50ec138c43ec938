#!/bin/sh
#
# Measures which lines and branches of the core and of the durable log the tests
# reach; does all of its own set-up.
#
#   sh tests/coverage.sh
#
# One line for each room: `room lines% branches%`, then MC/DC of what decides
# elections and commitment. What is not reached stands in
# tests/coverage/unreached.txt with its reason; what does not stand there is
# printed. Exit code 1 below 98 % of the lines or 95 % of the branches of a
# room, below 100 % of MC/DC, or when something is not listed.
#
# BUILD/coverage/html shows the lines. CRAFT_BUILD_DIR (default build/) is where
# it builds.

set -u
CRAFT_ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$CRAFT_ROOT/tests/setup.sh"

case ${1:-} in
'') ;;
-h | --help)
    sed -n '3,16s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
*)
    echo "coverage.sh: takes no argument" >&2
    exit 2
    ;;
esac

need_tools cmake build-tool cmocka python3 clang-19 llvm-19 || exit 1
CC=clang-19
export CC

dir=$CRAFT_BUILD_DIR/coverage
labels="unit paper wal oom abi fuzz scenario sim explore"
targets=
for label in $labels; do
    targets="$targets tests_$label"
done
# shellcheck disable=SC2086
craft_configure "$dir" -DCRAFT_COVERAGE=ON -DCRAFT_BUILD_TESTS=ON \
    -DCRAFT_BUILD_EXAMPLES=OFF -DCMAKE_BUILD_TYPE=Coverage \
    -DCMAKE_C_FLAGS_COVERAGE="-O1 -g" && craft_build "$dir" $targets || exit 1

# Seeds instead of seconds: the same on every machine. The broken copies of
# explore.controls are compiled by themselves and count nothing.
rm -rf "$dir/profiles"
export LLVM_PROFILE_FILE="$dir/profiles/%p-%m.profraw"
export CRAFT_SEEDS="${CRAFT_SEEDS:-1..5000}"
if ! (cd "$dir" && ctest -L "^($(echo "$labels" | tr ' ' '|'))\$" \
    -E '^explore\.controls$' -j "$CRAFT_JOBS" --output-on-failure) \
    >"$dir/ctest.log" 2>&1; then
    tail -n 60 "$dir/ctest.log"
    echo "coverage: tests failed: $dir/ctest.log"
    exit 1
fi

llvm-profdata-19 merge -sparse -o "$dir/all.profdata" \
    "$dir"/profiles/*.profraw || exit 1
set --
for program in "$dir"/tests/*; do
    if [ -f "$program" ] && [ -x "$program" ]; then
        set -- "$@" -object "$program"
    fi
done
set -- "$@" -instr-profile "$dir/all.profdata" -sources "$CRAFT_ROOT/src"
# It warns of static functions of a header that an object does not call.
if ! llvm-cov-19 export -format=text "$@" >"$dir/all.json" 2>"$dir/llvm.log" ||
    ! llvm-cov-19 export -format=lcov "$@" >"$dir/all.lcov" \
        2>"$dir/llvm.log" ||
    ! llvm-cov-19 show -format=html -show-branches=count -show-mcdc \
        -output-dir "$dir/html" "$@" 2>"$dir/llvm.log"; then
    cat "$dir/llvm.log"
    exit 1
fi
python3 -B "$CRAFT_ROOT/tests/coverage/report.py" "$CRAFT_ROOT" \
    "$dir/all.json" "$dir/all.lcov"
