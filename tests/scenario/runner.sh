#!/bin/sh
# The runner of scenarios judges: what differs fails, what is asserted and what
# must hold cannot be written away, what is malformed is told with its place.
set -eu

scenario=$CRAFT_BUILD_DIR/tests/scenario
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
file=$work/story.txt
failed=0

fault() {
    echo "FAILED: $1"
    sed 's/^/    /' "$work/said"
    failed=1
}

# run [REWRITE]: what it says goes to said; its exit code to rv.
run() {
    rv=0
    CRAFT_REWRITE=${1:-} "$scenario" "$file" >"$work/said" 2>&1 || rv=$?
}

# says NAME PATTERN: the last run failed and said so.
says() {
    if [ "$rv" -ne 1 ] || ! grep -q -- "$2" "$work/said"; then
        fault "$1: exit $rv, not 1 with '$2'"
    fi
}

# passes NAME
passes() {
    [ "$rv" -eq 0 ] || fault "$1: exit $rv"
}

# unchanged NAME: the file is what was last copied to kept.
unchanged() {
    cmp -s "$file" "$work/kept" || fault "$1: the file has changed"
}

# ---------------------------------------------------------------- expectations

cat >"$file" <<'END'
# A rule.
cluster 3
----
ok

# What it prints is not this.
campaign 1
----
1 candidate t7
END
cp "$file" "$work/kept"
run
says "a different line" "story.txt:9: it prints something else"
says "what was expected" "expected  1 candidate t7"
says "what is printed" "printed   1 candidate t2"
unchanged "without CRAFT_REWRITE"
run 1
passes "rewriting"
grep -q "^1 candidate t2" "$file" || fault "it is not rewritten"
grep -q "^# What it prints is not this.$" "$file" || fault "a comment is lost"
run
passes "what was rewritten"
cp "$file" "$work/kept"
run 1
unchanged "rewritten twice"
sed '$d' "$work/kept" >"$file"
run
says "a missing line" "it prints something else"
{
    cat "$work/kept"
    echo "1 -> 2 more"
} >"$file"
run
says "a line too many" "it prints something else"

# ------------------------------------------------------------------ assertions

# asserted NAME COMMAND: after an election it fails and cannot be written away.
asserted() {
    cat >"$file" <<END
# A rule.
cluster 3
quiet
elect 1
$2
----
something else
END
    cp "$file" "$work/kept"
    run
    says "$1" "story.txt:5: assertion failed"
    run 1
    says "$1, rewriting" "story.txt:5: assertion failed"
    unchanged "$1"
}

asserted "a fact" "assert 1 term=3"
asserted "a range" "assert 1 term=3..9"
asserted "text" 'assert 1 log="1 1"'
asserted "a peer" "assert 1 peer=2 match=1"
asserted "the leader" "assert-leader none"
asserted "messages" "assert-messages all count=1"
asserted "no message" "assert-messages 1->2"
asserted "an error that does not come" 'propose 1 "x" must=BUSY'
asserted "an error that comes" 'propose 2 "x" must=ok'

# ------------------------------------------------------------------ invariants

# broken NAME WHY COMMAND...
broken() {
    name=$1
    why=$2
    shift 2
    {
        echo "# A rule."
        echo "cluster 3 puppets=others"
        echo "quiet"
        for command in "$@"; do
            echo "$command"
        done
        echo "----"
        echo "something else"
    } >"$file"
    cp "$file" "$work/kept"
    run
    says "$name" "story.txt:$((3 + $#)): broken: $why"
    run 1
    says "$name, rewriting" "broken: $why"
    unchanged "$name"
}

broken "two leaders of a term" "election safety" \
    "recv 1 from=2 append term=2 prev=1@1" \
    "recv 1 from=3 append term=2 prev=1@1"
broken "two entries of one place and term" "log matching" \
    'recv 1 from=2 append term=2 prev=1@1 entries=(2@2:"x")' \
    'recv 1 from=2 append term=2 prev=1@1 entries=(2@2:"y")'
broken "a leader without what is committed" "leader completeness" \
    'recv 1 from=2 append term=2 prev=1@1 entries=(2@2:"x") commit=2' \
    'recv 1 from=3 append term=3 prev=1@1 entries=(2@3:"y")'

# ------------------------------------------------------------------- malformed

# malformed NAME WHERE WHY, the file from stdin
malformed() {
    cat >"$file"
    cp "$file" "$work/kept"
    run
    says "$1" "story.txt:$2: $3"
    run 1
    says "$1, rewriting" "story.txt:$2: $3"
    unchanged "$1"
}

malformed "no rule" 1 "the first line is a comment" <<'END'
cluster 3
----
ok
END
malformed "an unknown command" 3 "there is no command: frobnicate" <<'END'
# A rule.
cluster 3
frobnicate 1
----
ok
END
malformed "no cluster" 2 "the first command is: cluster" <<'END'
# A rule.
tick 1
----
ok
END
malformed "an argument too many" 3 "not understood here: twice" <<'END'
# A rule.
cluster 3
campaign 1 twice
----
ok
END
malformed "no such server" 3 "there is no server: 4" <<'END'
# A rule.
cluster 3
campaign 4
----
ok
END
malformed "a server that is down" 4 "server 2 is not up" <<'END'
# A rule.
cluster 3
crash 2
campaign 2
----
ok
END
malformed "a string without an end" 3 "this word does not end" <<'END'
# A rule.
cluster 1
propose 1 "x
----
ok
END
malformed "a message that is not there" 3 "no such message" <<'END'
# A rule.
cluster 3
deliver 1->2 append
----
ok
END
malformed "no separator" 3 "no ---- after these commands" <<'END'
# A rule.
cluster 3
campaign 1

----
ok
END
malformed "no such error" 3 "no error has this name: LATE" <<'END'
# A rule.
cluster 3
campaign 1 must=LATE
----
ok
END
malformed "a real server played" 3 "not a puppet" <<'END'
# A rule.
cluster 3
recv 1 from=2 append term=2 prev=1@1
----
ok
END

# ---------------------------------------------------------------------- memory

cat >"$file" <<'END'
# A rule.
cluster 3
quiet
elect 1
propose 1 "x"
stabilize
assert 1 commit=3
----
something else
END
cp "$file" "$work/kept"
rv=0
"$scenario" --memory "$file" >"$work/said" 2>&1 || rv=$?
passes "memory"
grep -q "story.txt: [0-9][0-9]* allocations, [0-9][0-9]* runs" "$work/said" ||
    fault "memory says how much it ran"
unchanged "memory"

[ "$failed" -eq 0 ]
