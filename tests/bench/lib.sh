# What tests/bench.sh and the check of the instructions share. Sourced, after
# tests/setup.sh; everything is built in $bench_dir.

bench_dir=$CRAFT_BUILD_DIR/bench
bench_flags="-std=c11 -O2 -g -D_GNU_SOURCE -I$CRAFT_ROOT/include"

# bench_entries WORKLOAD: of one round.
bench_entries() {
    case $1 in
    w1l) echo 1 ;;
    w2) echo 64 ;;
    w3) echo 1024 ;;
    esac
}

# The library as one unit, with its assertions; the benchmark with it, and
# once more with a library whose copies are counted.
bench_build_core() {
    mkdir -p "$bench_dir" || return 1
    # shellcheck disable=SC2086
    {
        "${CC:-cc}" -std=c11 -O2 -g -UNDEBUG -DCRAFT_BUILDING \
            -I"$CRAFT_ROOT/include" -I"$CRAFT_ROOT/src" \
            -c "$CRAFT_ROOT/src/craft_all.c" -o "$bench_dir/craft_all.o" &&
            "${CC:-cc}" $bench_flags -c "$CRAFT_ROOT/tests/bench/bench_core.c" \
                -o "$bench_dir/bench_core.o" &&
            objcopy --redefine-sym memcpy=bench_memcpy \
                --redefine-sym memmove=bench_memmove \
                "$bench_dir/craft_all.o" "$bench_dir/craft_counted.o" &&
            "${CC:-cc}" -o "$bench_dir/bench_core" "$bench_dir/bench_core.o" \
                "$bench_dir/craft_all.o" &&
            "${CC:-cc}" -o "$bench_dir/bench_counted" \
                "$bench_dir/bench_core.o" "$bench_dir/craft_counted.o"
    } >&2 || return 1
    # Functions are told apart by name: no name may stand on both sides.
    nm "$bench_dir/craft_all.o" |
        awk '$2 ~ /^[tT]$/ { print $3 }' | sort >"$bench_dir/library.txt"
    twice=$(nm "$bench_dir/bench_core.o" | awk '$2 ~ /^[tT]$/ { print $3 }' |
        sort | comm -12 - "$bench_dir/library.txt")
    if [ -n "$twice" ]; then
        say "both in the library and in the benchmark:" "$twice"
        return 1
    fi
}

# bench_callgrind WORKLOAD ROUNDS: lines `function file line instructions`, of
# what each line has done itself; file and line are those of the source, also
# of what was inlined.
bench_callgrind() {
    valgrind --tool=callgrind --callgrind-out-file="$bench_dir/callgrind.out" \
        --compress-strings=no --compress-pos=no \
        "$bench_dir/bench_core" craft "$1" "$2" \
        >"$bench_dir/callgrind.log" 2>&1 || {
        cat "$bench_dir/callgrind.log" >&2
        return 1
    }
    awk '
        /^(fl|fi|fe)=/ { file = substr($0, 4); next }
        /^fn=/ { name = substr($0, 4); next }
        /^calls=/ { inclusive = 1; next }
        /^[0-9+*-]/ {
            if (inclusive) inclusive = 0
            else own[name " " file " " $1] += $2
        }
        END { for (place in own) printf "%s %d\n", place, own[place] }
    ' "$bench_dir/callgrind.out"
}

# bench_instructions WORKLOAD ROUNDS: instructions of the library per entry,
# lines `core|codec function file line instructions`. ROUNDS more rounds are
# the difference of two runs, so the start and the warm-up cancel out;
# craft_check() is the benchmark's own doubt, at its end.
bench_instructions() {
    bench_callgrind "$1" "$2" >"$bench_dir/once.txt" &&
        bench_callgrind "$1" $(($2 * 2)) >"$bench_dir/twice.txt" || return 1
    awk -v entries=$(($(bench_entries "$1") * $2)) '
        FILENAME ~ /library.txt$/ { library[$1] = 1; next }
        { place = $1 " " $2 " " $3 }
        FILENAME ~ /once.txt$/ { once[place] = $4; next }
        ($1 in library) && $1 != "craft_check" && $4 != once[place] {
            room = "core"
            if ($1 ~ /^(codec_|craft_codec_|craft_message_|craft_frame_)/)
                room = "codec"
            printf "%s %s %.4f\n", room, place, ($4 - once[place]) / entries
        }
    ' "$bench_dir/library.txt" "$bench_dir/once.txt" "$bench_dir/twice.txt"
}

# bench_sum ROOM FILE: of what bench_instructions has printed.
bench_sum() {
    awk -v room="$1" '$1 == room { sum += $5 } END { printf "%.1f\n", sum }' \
        "$2"
}

# bench_profile FILE: the same by function of the source, so that what was
# inlined is told apart; then the dearest lines.
bench_profile() {
    sort -k3,3 -k4,4n "$1" | awk -v root="$CRAFT_ROOT/" '
        # The functions of a file: where a line begins with a name and (.
        function learn(file,    line, n, name) {
            known[file] = 1
            while ((getline line < file) > 0) {
                n++
                if (line ~ /^[A-Za-z].*[a-z0-9_]\(/ && line !~ /;$/) {
                    name = line
                    sub(/\(.*/, "", name)
                    sub(/.*[ *]/, "", name)
                }
                if (line ~ /^}/) { begins[file, n] = name; name = "" }
                at[file, n] = name
                text[file, n] = line
            }
            for (; n > 0; n--) {
                if ((file, n) in begins) name = begins[file, n]
                if (at[file, n] != "") at[file, n] = name
            }
            close(file)
        }
        {
            file = $3
            if (!(file in known)) learn(file)
            name = at[file, $4]
            sub(root, "", file)
            sub(/^src\//, "", file)
            sum[$1 " " (name == "" ? $2 : name) " " file] += $5
            if ($5 >= 1)
                printf "line %.2f %s:%d %s\n", $5, file, $4, text[$3, $4]
        }
        END {
            for (place in sum) printf "sum %.2f %s\n", sum[place], place
        }
    ' >"$bench_dir/profile.txt"
    sed -n 's/^sum //p' "$bench_dir/profile.txt" | sort -nr |
        awk '{ total += $1 } $1 > total / 500 {
            printf "%9.2f  %-5s %-32s %s\n", $1, $2, $3, $4 }'
    echo "-- the 25 dearest lines"
    sed -n 's/^line //p' "$bench_dir/profile.txt" | sort -nr | head -n 25 |
        awk '{ ir = $1; place = $2; $1 = $2 = ""
            printf "%9.2f  %-24s %s\n", ir, place, substr($0, 3) }'
}

# Lines of numbers: the one in the middle.
bench_median() {
    sort -n | awk '{ v[NR] = $1 } END {
        printf "%s\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
    }'
}
