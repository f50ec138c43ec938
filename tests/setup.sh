# Shared set-up, sourced by tests/run.sh, examples/demo.sh and the like:
# finds the tools a script needs, installs what is missing with the system's
# package manager, configures and builds.
#
#   CRAFT_ROOT=$(cd "$(dirname "$0")/.." && pwd)
#   . "$CRAFT_ROOT/tests/setup.sh"
#   need_tools cc cmake build-tool || exit 1     stops with a clear message
#   want_tools clang-tidy || echo "without clang-tidy"
#   craft_configure DIR [cmake options] && craft_build DIR [targets]
#
# Everything here speaks on stderr.

: "${CRAFT_ROOT:?CRAFT_ROOT must name the source tree}"
CRAFT_BUILD_DIR=${CRAFT_BUILD_DIR:-$CRAFT_ROOT/build}
CRAFT_JOBS=${CRAFT_JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}

say() {
    printf '%s\n' "setup: $*" >&2
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# Does the C compiler find this header?
have_header() {
    printf '#include <stdarg.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <setjmp.h>\n#include <%s>\n' "$1" |
        "${CC:-cc}" -E -x c - >/dev/null 2>&1
}

# tool_present TOOL: 0 when it is there.
tool_present() {
    case $1 in
    cc) have "${CC:-cc}" && have_header stdio.h ;;
    c++) have c++ || have g++ || have clang++ ;;
    build-tool) have ninja || have make ;;
    cmocka) have_header cmocka.h ;;
    python3) python3 -c 'import sys' >/dev/null 2>&1 ;;
    binutils) have nm && have objdump ;;
    pkg-config) have pkg-config || have pkgconf ;;
    clang) have clang-14 ;;
    clang-format) have clang-format-14 ;;
    clang-tidy) have clang-tidy-14 ;;
    llvm-19) have llvm-cov-19 && have llvm-profdata-19 ;;
    *) have "$1" ;;
    esac
}

# tool_packages TOOL: what Debian calls it.
tool_packages() {
    case $1 in
    cc) echo gcc libc6-dev ;;
    c++) echo g++ ;;
    build-tool) echo ninja-build ;;
    cmocka) echo libcmocka-dev ;;
    redis-cli | redis-benchmark) echo redis-tools ;;
    ip) echo iproute2 ;;
    nft) echo nftables ;;
    clang) echo clang-14 ;;
    clang-format) echo clang-format-14 ;;
    clang-tidy) echo clang-tidy-14 ;;
    clang-19) echo clang-19 libclang-rt-19-dev ;;
    *) echo "$1" ;;
    esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

apt_update() {
    say "apt-get update"
    as_root apt-get -o DPkg::Lock::Timeout=900 -qq update >&2 ||
        say "apt-get update failed; going on with the lists there are"
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=900 -qq install -y \
        --no-install-recommends "$@" >&2
}

# install_packages PACKAGE...: with apt-get, as root or through sudo.
install_packages() {
    if ! have apt-get; then
        say "no apt-get here: cannot install $*"
        return 1
    fi
    if ! as_root true; then
        say "not root and no sudo: cannot install $*"
        return 1
    fi
    # Package lists that are missing or older than a day are fetched first.
    if [ -z "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' \
        -mtime -1 2>/dev/null | head -n 1)" ]; then
        apt_update
        say "installing $*"
        apt_install "$@"
        return
    fi
    say "installing $*"
    apt_install "$@" && return 0
    apt_update
    apt_install "$@"
}

# missing_tools TOOL...: those that are not there, on stdout.
missing_tools() {
    for tool_name in "$@"; do
        tool_present "$tool_name" || printf '%s ' "$tool_name"
    done
}

# want_tools TOOL...: finds or installs; 1 when one is still missing, and then
# says which.
want_tools() {
    missing=$(missing_tools "$@")
    if [ -z "$missing" ]; then
        return 0
    fi
    packages=
    for tool_name in $missing; do
        packages="$packages $(tool_packages "$tool_name")"
    done
    # One at a time when they do not go in together: what can be had, is had.
    # shellcheck disable=SC2086
    if ! install_packages $packages && have apt-get && as_root true; then
        for package in $packages; do
            apt_install "$package" || say "could not install $package"
        done
    fi
    missing=$(missing_tools "$@")
    for tool_name in $missing; do
        say "missing: $tool_name (Debian: $(tool_packages "$tool_name"))"
    done
    [ -z "$missing" ]
}

# need_tools TOOL...: the same for what nothing works without.
need_tools() {
    want_tools "$@" && return 0
    say "install the above and run this again, for example as root:" \
        "apt-get install$(for tool_name in $missing; do
            printf ' %s' "$(tool_packages "$tool_name")"
        done)"
    return 1
}

# craft_configure DIR [cmake option...]: quiet unless it fails.
craft_configure() {
    configure_dir=$1
    shift
    mkdir -p "$configure_dir" || return 1
    configure_cache=$configure_dir/CMakeCache.txt
    # A tree that was moved or copied: what CMake remembers is of the old one.
    if [ -f "$configure_cache" ] && ! grep -qxF \
        "CMAKE_HOME_DIRECTORY:INTERNAL=$CRAFT_ROOT" "$configure_cache"; then
        say "$configure_dir was configured for another tree: configuring anew"
        rm -rf "$configure_cache" "$configure_dir/CMakeFiles"
    fi
    if [ ! -f "$configure_cache" ] && have ninja; then
        set -- -G Ninja "$@"
    fi
    if ! cmake -S "$CRAFT_ROOT" -B "$configure_dir" "$@" \
        >"$configure_dir/configure.log" 2>&1; then
        cat "$configure_dir/configure.log" >&2
        say "cmake failed: $configure_dir/configure.log"
        return 1
    fi
    grep -A2 'CMake Warning' "$configure_dir/configure.log" >&2 || :
}

# craft_build DIR [target...]: quiet unless it fails.
craft_build() {
    build_dir=$1
    shift
    # --target takes several names since CMake 3.15.
    if [ $# -gt 0 ]; then
        set -- --target "$@"
    fi
    if ! cmake --build "$build_dir" -j "$CRAFT_JOBS" "$@" \
        >"$build_dir/build.log" 2>&1; then
        grep -v '^\[[0-9/% ]*\] \(Building\|Linking\)' \
            "$build_dir/build.log" | tail -n 200 >&2
        say "the build failed: $build_dir/build.log"
        return 1
    fi
}
