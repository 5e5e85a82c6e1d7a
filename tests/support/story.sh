# story.sh: what support/story.h is for C, for stories that are about command lines. To be sourced.
#
#   gives       LODE_DIR, LODE_SHM_DIR, LODE_STATE_DIR, $files; the build's programs in PATH
#   must CMD…   runs it; it must succeed; its stdout is in $out, its stderr in $err
#   exits N CMD…  it must end with that status
#   says WHERE TEXT…  "$out" or "$err" contains each TEXT
#   freeze PID  stops a process
#
# At the end nothing may be left: no process, no file in shared memory, no socket.
set -uo pipefail

if [ -z "${LODE_TEST_BIN:-}" ]; then
    echo "LODE_TEST_BIN is not set: run this by ctest, or set it to the build's bin directory" >&2
    exit 1
fi

tag=lt-$$
base=/tmp/$tag
export LODE_TEST_TAG=$tag
shm_base=/dev/shm/$tag state_base=/var/tmp/$tag # a story may point the variables elsewhere
export LODE_DIR=$base/d LODE_SHM_DIR=$shm_base LODE_STATE_DIR=$state_base
export XDG_RUNTIME_DIR=$base XDG_STATE_HOME=$LODE_STATE_DIR
export PATH=$LODE_TEST_BIN:$PATH
files=$base/files
mkdir -p "$LODE_DIR" "$files" "$LODE_SHM_DIR" "$LODE_STATE_DIR"
chmod 700 "$base" "$LODE_DIR" "$LODE_SHM_DIR" "$LODE_STATE_DIR"
cd "$files" || exit 1

out= err= status=0

# The processes of this story: those that inherited our tag, but not this shell and what it runs.
others() {
    local environ pid
    for environ in /proc/[0-9]*/environ; do
        pid=${environ//[^0-9]/}
        [ "$pid" = $$ ] && continue
        tr '\0' '\n' <"$environ" 2>/dev/null | grep -qxF "LODE_TEST_TAG=$tag" || continue
        case $(readlink "/proc/$pid/exe" 2>/dev/null) in "$LODE_TEST_BIN"/*) echo "$pid" ;; esac
    done 2>/dev/null
}

finish() {
    local result=$? pid left
    trap - EXIT
    for pid in $(others); do # those that are on their way out get a moment
        if [ $result -eq 0 ] && ! timeout 10 tail --pid="$pid" -f /dev/null; then
            echo "left behind: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")" >&2
            result=1
        fi
        kill -9 "$pid" 2>/dev/null
    done
    left=$(find "$shm_base" -type f -o -type s 2>/dev/null; find "$base" -type s)
    if [ $result -eq 0 ] && [ -n "$left" ]; then
        echo "left behind: $left" >&2
        result=1
    fi
    rm -rf "$base" "$shm_base" "$state_base"
    exit $result
}
trap finish EXIT

give_up() {
    echo "${BASH_SOURCE[-1]}:${BASH_LINENO[-2]}: $1" >&2
    exit 1
}

run() {
    status=0
    "$@" >"$base/out" 2>"$base/err" </dev/null || status=$?
    out=$(tr -d '\0' <"$base/out")
    err=$(cat "$base/err")
}

must() {
    run "$@"
    [ $status -eq 0 ] || give_up "$* gave $status: $err"
}

exits() {
    local want=$1
    shift
    run "$@"
    [ $status -eq "$want" ] || give_up "$* gave $status, want $want: $out $err"
}

says() {
    local where=$1 text
    shift
    for text in "$@"; do
        case $where in *"$text"*) ;; *) give_up "'$where' is without '$text'" ;; esac
    done
}

# Starts a daemon, its arguments given, and returns when it serves. Its pid is in $daemon.
start() {
    local byte
    exec {ready}< <(
        exec "$@" --ready-fd 1 2>"$base/daemon.err"
    )
    daemon=$!
    IFS= read -r -N 1 -t 20 byte <&"$ready" && [ "$byte" != - ] ||
        give_up "$* did not start: $(cat "$base/daemon.err")"
    exec {ready}<&-
}

# Stops a process, and returns when each of its threads stands still: until the signal is obeyed,
# one of them may still answer.
freeze() {
    local stat line state=
    kill -STOP "$1"
    until [ "$state" = T ]; do
        for stat in "/proc/$1/task"/*/stat; do
            read -r line <"$stat" && line=${line##*) } && state=${line%% *}
            [ "$state" = T ] || break
        done
    done
}

# SIGTERM; it must end in good order.
stop() {
    kill "$daemon"
    wait "$daemon" || give_up "the daemon ended with $?"
}
