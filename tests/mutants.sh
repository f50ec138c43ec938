#!/bin/sh
#
# Breaks craft on purpose, in one place at a time, and sees which check notices.
#
#   sh tests/mutants.sh [--sample | --apply | NAME...]
#
# Each tests/mutants/NAME.patch is a small fault in the core or the durable log
# and opens with what is broken and which rule that violates. It is applied to
# a copy of the tree, built, and run against the checks below, cheapest first,
# up to the first that fails. No name: all of them. --sample: about 8, others
# each day. --apply: none, they are only looked at. All patches must apply.
#
#   NAME killed by CHECK in N s     what the check said: BUILD/mutants/NAME.log
#   NAME SURVIVED                   a test is missing
#
# and in the end `N killed, N survived`. A patch that does not apply or build
# fails, and so does a check that fails without a fault, too.
#
# CRAFT_CHECKS="explore sim" asks these alone: what would they find?
# CRAFT_BUILD_DIR (default build/): the copy and its build are in mutants/ there.

set -u
source=$(cd "$(dirname "$0")/.." && pwd)
CRAFT_BUILD_DIR=${CRAFT_BUILD_DIR:-$source/build}
mkdir -p "$CRAFT_BUILD_DIR/mutants" || exit 1
work=$(cd "$CRAFT_BUILD_DIR/mutants" && pwd)
CRAFT_ROOT=$work/tree # what is configured and built
. "$source/tests/setup.sh"
patches=$source/tests/mutants
build=$work/build
log=$work/log
SAMPLE=8

# ---- the checks: cheapest first --------------------------------------------
# check_NAME runs one; the first program of it that fails is in $killer.

core_checks="unit scenario paper fuzz oom explore random sim"
wal_checks="wal fuzz" # nothing else sees src/wal
session_checks=session

check_unit() { programs unit; }
check_paper() { programs paper; }
check_oom() { programs oom; }
check_wal() { programs wal; }
check_session() { programs session; }

check_fuzz() {
    for target in decode receive api wal; do
        holds "fuzz/$target" 60 "$build/tests/fuzz_$target" \
            "$CRAFT_ROOT/tests/fuzz/corpus/$target" || return 1
    done
}

# The searches of tests/explore, 20 seconds for all of them. Not the number of
# states, which anything changes: only what is broken.
check_explore() {
    sed -n '/^[a-z]/{/^heavy /d;p;}' "$CRAFT_ROOT/tests/explore/bounds.txt" \
        >"$work/bounds"
    deadline=$(($(date +%s) + 20))
    while read -r search states options; do
        : "$states"
        left=$((deadline - $(date +%s)))
        [ "$left" -gt 0 ] || return 0
        # shellcheck disable=SC2086
        within "$left" "$build/tests/explore" $options
        case $? in
        0 | 124) ;; # out of time is not found
        *)
            killer=explore/$search
            return 1
            ;;
        esac
    done <"$work/bounds"
}

check_random() {
    holds random 120 env CRAFT_SEEDS=1..4000 "$build/tests/test_random_cluster"
}

check_scenario() {
    for story in "$CRAFT_ROOT"/tests/scenario/*.txt; do
        name_of=${story##*/}
        holds "scenario/${name_of%.txt}" 60 "$build/tests/scenario" "$story" ||
            return 1
    done
}

check_sim() {
    [ -f "$CRAFT_ROOT/src/sim/program/craft_sim.c" ] || return 0
    holds sim 300 "$build/craft-sim" --seeds 1..200 --jobs "$CRAFT_JOBS"
}

# check_targets CHECK: what has to be built for it.
check_targets() {
    case $1 in
    random) echo test_random_cluster ;;
    sim)
        if [ -f "$CRAFT_ROOT/src/sim/program/craft_sim.c" ]; then
            echo craft-sim
        fi
        ;;
    *) echo "tests_$1" ;;
    esac
}

# within SECONDS COMMAND...: in bounded time and memory; 124: out of time.
within() {
    seconds=$1
    shift
    (
        ulimit -c 0
        ulimit -v 4194304 2>/dev/null
        cd "$build" || exit 1
        timeout "$seconds" "$@"
        exit # here, so that what it died of is told in the log, too
    ) >"$log" 2>&1
}

# holds NAME SECONDS COMMAND...: whether it succeeds; else $killer is its name.
holds() {
    killer=$1
    shift
    within "$@"
    case $? in
    0 | 77) killer= ;;
    *) return 1 ;;
    esac
}

# programs LABEL: those of one folder. Random clusters have a check of their own.
programs() {
    for program in "$CRAFT_ROOT/tests/$1"/test_*.c; do
        program=${program##*/}
        program=${program%.c}
        [ "$program" = test_random_cluster ] && continue
        holds "$1/$program" 60 "$build/tests/$program" || return 1
    done
}

# ---- mutants ---------------------------------------------------------------

killed=0
survived=0
failed=0
trusted=    # checks that succeed without a fault
distrusted= # those that do not

failure() {
    echo "$*"
    failed=$((failed + 1))
}

# mutate [-R]: with the patch of $name; -R takes it back.
mutate() {
    patch -p1 -s --no-backup-if-mismatch -d "$CRAFT_ROOT" "$@" \
        <"$patches/$name.patch" >"$log" 2>&1
}

# compile CHECK: what it needs, quietly.
compile() {
    targets=$(check_targets "$1")
    # shellcheck disable=SC2086
    [ -z "$targets" ] || craft_build "$build" $targets >"$log" 2>&1
}

# in_words WORD WORDS...
in_words() {
    word=$1
    shift
    case " $* " in
    *" $word "*) ;;
    *) return 1 ;;
    esac
}

# What can see the fault of $name.
checks_of() {
    if grep -q '^+++ b/src/wal/' "$patches/$name.patch"; then
        candidates=$wal_checks
    elif grep -q '^+++ b/src/session/' "$patches/$name.patch"; then
        candidates=$session_checks
    else
        candidates=$core_checks
    fi
    for candidate in $candidates; do
        if in_words "$candidate" "${CRAFT_CHECKS:-$candidates}" &&
            ! in_words "$candidate" "$distrusted"; then
            echo "$candidate"
        fi
    done
}

# first_killer CHECK...: the first that fails; 1: none does; 2: no build.
first_killer() {
    killer=
    for check in "$@"; do
        compile "$check" || return 2
        "check_$check" || return 0
    done
    return 1
}

# trust CHECK: whether it succeeds without a fault; else it is asked no more.
trust() {
    in_words "$1" "$trusted" && return 0
    killer='the build'
    if compile "$1" && "check_$1"; then
        trusted="$trusted $1"
        return 0
    fi
    cp "$log" "$work/$1.log"
    failure "FAILED: $killer fails without a fault, too: $work/$1.log"
    distrusted="$distrusted $1"
    return 1
}

# try: $name against its checks. $rv: 0 killed, 3 by what is not to be trusted;
# 1 survived; 2 not built.
try() {
    mutate
    # shellcheck disable=SC2046
    first_killer $(checks_of)
    rv=$?
    by=$killer
    cp "$log" "$work/$name.log"
    if ! mutate -R; then
        echo "$name FAILED: its patch cannot be taken back"
        exit 1
    fi
    [ "$rv" -ne 0 ] || trust "$check" || rv=3
}

mutant() {
    began=$(date +%s)
    try
    while [ "$rv" -eq 3 ]; do
        try
    done
    case $rv in
    0)
        killed=$((killed + 1))
        echo "$name killed by $by in $(($(date +%s) - began)) s"
        ;;
    1)
        survived=$((survived + 1))
        echo "$name SURVIVED"
        ;;
    2) failure "$name FAILED: it does not build: $work/$name.log" ;;
    esac
}

tree_copy() {
    rm -rf "$work"
    mkdir -p "$CRAFT_ROOT" && cd "$source" &&
        cp -R CMakeLists.txt include src tests examples "$CRAFT_ROOT/" &&
        craft_configure "$build" -DCRAFT_BUILD_TESTS=ON \
            -DCRAFT_BUILD_EXAMPLES=OFF -DCMAKE_BUILD_TYPE=Mutant \
            -DCMAKE_C_FLAGS_MUTANT=-O1
}

# Every n-th of all, so that each gets its turn in n days.
sample() {
    awk -v size="$SAMPLE" -v day="$(($(date +%s) / 86400))" '
        { name[NR] = $0 }
        END {
            groups = int((NR + size - 1) / size)
            for (i = 1; i <= NR; i++)
                if (i % groups == day % groups) print name[i]
        }'
}

all=$(cd "$patches" && for file in *.patch; do echo "${file%.patch}"; done)
case ${1:-} in
--sample) names=$(echo "$all" | sample) ;;
--apply) ;;
-h | --help)
    sed -n '3,22s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
'') names=$all ;;
*) names=$* ;;
esac

need_tools patch || exit 1
outdated=
for name in $all; do
    if ! said=$(patch -p1 -s -N --dry-run -r - -d "$source" \
        <"$patches/$name.patch" 2>&1); then
        failure "$name FAILED: its patch does not apply: $said"
        outdated="$outdated $name"
    fi
done
if [ "${1:-}" = --apply ]; then
    echo "$failed of $(echo "$all" | wc -l) patches do not apply"
    [ "$failed" -eq 0 ]
    exit
fi
need_tools cc cmake build-tool cmocka timeout && tree_copy || exit 1
for name in $names; do
    if ! in_words "$name" $all; then
        failure "$name FAILED: there is no such patch"
    elif ! in_words "$name" "$outdated"; then
        mutant
    fi
done
[ "$failed" -eq 0 ] || echo "$failed failed"
echo "$killed killed, $survived survived"
[ "$failed" -eq 0 ] && [ "$survived" -eq 0 ] && [ "$killed" -gt 0 ]
