# storectl.sh: for stories that are shell scripts: a store of their own, and words to check with.
# Sourced. LODE_TEST_BIN: where the programs are. Everything is gone at the end, or the story fails.

set -euo pipefail
export PATH="${LODE_TEST_BIN:?the directory of the programs}:$PATH"

here=$(mktemp -d /tmp/lt-sh-XXXXXX)
tag=${here##*/}
export LODE_DIR=$here/d LODE_SHM_DIR=/dev/shm/$tag LODE_STATE_DIR=/var/tmp/$tag
export XDG_RUNTIME_DIR=$here/run XDG_STATE_HOME=$here/state
store_pid=
checks=0

store_start() { # options of lode-store
    mkfifo "$here/ready"
    lode-store "$@" --ready-fd 9 9>"$here/ready" 2>"$here/store.log" &
    store_pid=$!
    # One byte when it serves; end of file if it could not start.
    if [ "$(head -c 1 "$here/ready" | wc -c)" != 1 ]; then
        cat "$here/store.log" >&2
        give_up "the store did not start"
    fi
    rm "$here/ready"
}

store_stop() {
    kill "$store_pid"
    wait "$store_pid" || give_up "the store ended with status $?"
    store_pid=
    local left
    left=$(find "$LODE_SHM_DIR" -type f)
    [ -z "$left" ] || give_up "the store left $left"
}

at_end() {
    local status=$?
    trap - EXIT
    [ -z "$store_pid" ] || kill -9 "$store_pid" 2>/dev/null || true
    [ "$status" = 0 ] || cat "$here/store.log" "$here/err" >&2 2>/dev/null || true
    rm -rf "$here" "$LODE_SHM_DIR" "$LODE_STATE_DIR"
    [ "$status" != 0 ] || echo "$checks checks"
    exit "$status"
}
trap at_end EXIT

give_up() {
    echo "${BASH_SOURCE[-1]##*/}:${BASH_LINENO[-2]}: $*" >&2
    exit 1
}

# status WANTED COMMAND…: runs it with stdout and stderr in $here/out and $here/err.
status() {
    local wanted=$1 got=0
    shift
    timeout 60 "$@" >"$here/out" 2>"$here/err" || got=$?
    checks=$((checks + 1))
    [ "$got" = "$wanted" ] || give_up "'$*' gave status $got, not $wanted"
}

# says PATTERN / prints PATTERN: stderr, stdout of the last status.
says() {
    checks=$((checks + 1))
    grep -q -e "$1" "$here/err" || give_up "stderr has no '$1'"
}

prints() {
    checks=$((checks + 1))
    grep -q -e "$1" "$here/out" || give_up "stdout has no '$1': $(head -c 300 "$here/out")"
}

same() {
    checks=$((checks + 1))
    cmp "$1" "$2" || give_up "$1 and $2 differ"
}

# npy FILE DESCR FORTRAN SHAPE: a .npy file, version 1, with the elements from stdin.
npy() {
    local dict="{'descr': '$2', 'fortran_order': $3, 'shape': $4, }" size
    size=$(((10 + ${#dict} + 1 + 63) / 64 * 64 - 10))
    {
        printf '\x93NUMPY\x01\x00'
        printf "\\x$(printf %02x $((size % 256)))\\x$(printf %02x $((size / 256)))"
        printf "%-$((size - 1))s\n" "$dict"
        cat
    } >"$1"
}
