#!/bin/sh
#
# Builds craft and runs its tests; does all of its own set-up.
#
#   sh tests/run.sh [RUN...] [LABEL...]
#
#   LABEL   unit paper wal host oom fuzz abi session scenario sim explore
#           mutants e2e bench install tidy; none = all of them. A label is a
#           folder of tests/.
#   RUN     normal     the build that is installed
#           sanitize   AddressSanitizer and UndefinedBehaviorSanitizer
#           tsan       ThreadSanitizer, the labels with threads
#           none = all of them
#   all     everything, the long runs too (CRAFT_HEAVY=1 tells the tests)
#
# CRAFT_BUILD_DIR (default build/) is where it builds, CRAFT_JOBS how much at
# a time. The last line is `N passed, N failed, N skipped`; the exit code is 0
# when nothing failed and something ran.

set -u
CRAFT_ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$CRAFT_ROOT/tests/setup.sh"

known_labels="unit paper wal host oom fuzz abi session scenario sim explore
mutants e2e bench install tidy"
sanitize_labels="unit paper wal host oom fuzz abi session scenario sim explore"
tsan_labels="host"

passed=0
failed=0
skipped=0

finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}

# in_list WORD LIST
in_list() {
    for in_list_word in $2; do
        [ "$in_list_word" = "$1" ] && return 0
    done
    return 1
}

# chosen LABEL...: those of them that were asked for, on stdout.
chosen() {
    for label in "$@"; do
        if in_list "$label" "$labels"; then
            printf '%s ' "$label"
        fi
    done
}

# count_results LOG: adds what one run of ctest has printed. The total and the
# failures are those of its summary, skips are in neither.
count_results() {
    run_total=$(sed -n 's/^[0-9]*% tests passed, .* out of \([0-9]*\)$/\1/p' \
        "$1" | tail -n 1)
    run_failed=$(sed -n 's/^[0-9]*% tests passed, \([0-9]*\) tests* failed .*$/\1/p' \
        "$1" | tail -n 1)
    run_skipped=$(grep -cE '^ *[0-9]+/[0-9]+ Test +#[0-9]+: .*(\*\*\*Skipped|Not Run \(Disabled\))' "$1")
    run_total=${run_total:-0}
    run_failed=${run_failed:-0}
    if [ "$2" -ne 0 ] && [ "$run_failed" -eq 0 ]; then
        echo "ctest ended with $2 without naming a failed test"
        run_failed=1
        run_total=$((run_total + 1))
    fi
    passed=$((passed + run_total - run_failed - run_skipped))
    failed=$((failed + run_failed))
    skipped=$((skipped + run_skipped))
}

# tell_skips DIR: what skipped tests have said last, which is their reason.
tell_skips() {
    awk '
        NR == FNR {
            if ($0 ~ /Test +#[0-9]+: .*\*\*\*Skipped/) {
                sub(/^.*Test +#[0-9]+: /, "")
                skipped[$1] = 1
            }
            next
        }
        /^[0-9]+\/[0-9]+ Testing: / { name = $3; last = "no reason given" }
        /^Output:$/ { output = 1; next }
        /^<end of output>$/ {
            output = 0
            if (name in skipped) print "SKIPPED " name ": " last
        }
        output && NF && !/^-+$/ { last = $0 }
    ' "$1/ctest.log" "$1/Testing/Temporary/LastTest.log"
}

# run_ctest DIR RUN LABEL...
run_ctest() {
    dir=$1
    run=$2
    shift 2
    [ $# -gt 0 ] || return 0
    pattern="^($(echo "$*" | tr -s ' ' '|'))\$"
    echo "== $run: $*"
    (cd "$dir" && ctest -L "$pattern" -j "$CRAFT_JOBS" --output-on-failure) \
        >"$dir/ctest.log" 2>&1
    rv=$?
    grep -v '^ *Start ' "$dir/ctest.log"
    tell_skips "$dir"
    count_results "$dir/ctest.log" "$rv"
}

# label_targets LABEL...: the build targets that make what their tests need.
label_targets() {
    for label in "$@"; do
        printf 'tests_%s ' "$label"
    done
}

# build_failed RUN: the tests of that build cannot run, which is a failure.
build_failed() {
    echo "FAILED build: $1"
    failed=$((failed + 1))
}

labels=
runs=
for word in "$@"; do
    case $word in
    normal | sanitize | tsan) runs="$runs $word" ;;
    all) CRAFT_HEAVY=1 ;;
    -h | --help)
        sed -n '3,21s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        if ! in_list "$word" "$known_labels"; then
            echo "run.sh: no label '$word'; there are:" $known_labels >&2
            exit 2
        fi
        labels="$labels $word"
        ;;
    esac
done
labels=${labels:-$known_labels}
runs=${runs:-normal sanitize tsan}
if [ -n "${CRAFT_HEAVY:-}" ]; then
    export CRAFT_HEAVY
    sanitize_labels="$sanitize_labels e2e"
    tsan_labels="$tsan_labels unit wal session e2e"
fi

need_tools cc cmake build-tool cmocka || {
    failed=1
    finish
}
if in_list e2e "$labels"; then
    want_tools redis-cli python3 ip nft || echo "e2e: what needs the above is skipped"
fi
if in_list mutants "$labels" && in_list normal "$runs"; then
    want_tools patch || echo "mutants: fails without the above"
fi
if in_list bench "$labels" && in_list normal "$runs"; then
    want_tools valgrind binutils || echo "bench: skipped without the above"
fi
if in_list install "$labels"; then
    want_tools pkg-config || echo "install: the pkg-config part is skipped"
fi
if in_list tidy "$labels" && in_list normal "$runs"; then
    want_tools python3 binutils c++ clang clang-format clang-tidy cppcheck ||
        echo "tidy: the checks that need the above are skipped"
fi

export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=1:detect_stack_use_after_return=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}"

if in_list normal "$runs"; then
    targets=
    if ! in_list tidy "$labels"; then
        # shellcheck disable=SC2086
        targets=$(label_targets $labels)
    fi
    # shellcheck disable=SC2046,SC2086
    if craft_configure "$CRAFT_BUILD_DIR" -DCRAFT_WERROR=ON \
        -DCRAFT_BUILD_TESTS=ON -DCRAFT_BUILD_EXAMPLES=ON &&
        craft_build "$CRAFT_BUILD_DIR" $targets; then
        run_ctest "$CRAFT_BUILD_DIR" normal $(chosen $known_labels)
    else
        build_failed normal
    fi
fi

# run_sanitized NAME SANITIZERS LABEL...: builds what these labels need.
run_sanitized() {
    name=$1
    sanitizers=$2
    shift 2
    [ $# -gt 0 ] || return 0
    dir=$CRAFT_BUILD_DIR/$name
    examples=OFF
    in_list e2e "$*" && examples=ON
    if craft_configure "$dir" -DCRAFT_WERROR=ON -DCRAFT_BUILD_TESTS=ON \
        -DCRAFT_BUILD_EXAMPLES=$examples -DCRAFT_SANITIZE="$sanitizers" \
        -DCMAKE_BUILD_TYPE=Sanitize -DCMAKE_C_FLAGS_SANITIZE="-O1 -g" &&
        craft_build "$dir" $(label_targets "$@"); then
        run_ctest "$dir" "$name" "$@"
    else
        build_failed "$name"
    fi
}

# shellcheck disable=SC2046,SC2086
{
    if in_list sanitize "$runs"; then
        run_sanitized sanitize address,undefined $(chosen $sanitize_labels)
    fi
    if in_list tsan "$runs"; then
        run_sanitized tsan thread $(chosen $tsan_labels)
    fi
}

finish
