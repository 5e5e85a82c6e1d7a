# The lock of a daemon that lives is removed, and before the daemon can put it back, another one
# starts in its place. The other is refused. The first is found again afterwards: by programs, and
# by `lode stop`.
. "$(dirname "$0")/../../support/story.sh"


# Starts "$3…" while the daemon $1 is stopped and its lock file $2 is gone, and lets the daemon go
# on as soon as the other has made that file, or has ended without it.
refused_in_place_of() {
    local pid=$1 lock=$2 other
    shift 2
    freeze "$pid"
    rm "$lock"
    rm -f "${lock%.lock}.sock"
    "$@" >"$base/out" 2>"$base/err" &
    other=$!
    while [ ! -s "$lock" ] && kill -0 $other 2>/dev/null; do :; done
    kill -CONT "$pid"
    timeout 20 tail --pid=$other -f /dev/null || give_up "$* still runs beside $pid"
    ! wait $other || give_up "$* was not refused"
    says "$(cat "$base/err")" "already running"
    timeout 20 bash -c "until read -r pid start <'$lock' && [ \"\$pid\" = $pid ]; do :; done" \
        2>/dev/null || give_up "$pid has not put $lock back: $(cat "$base/daemon.err")"
}

start lode start --num-cpus 1 --capacity 16M
refused_in_place_of "$daemon" "$LODE_DIR/supervisor.lock" lode start --capacity 16M
must lode status
must lode stop
wait "$daemon" || give_up "the supervisor ended with $?"

start lode-store --capacity 16M
refused_in_place_of "$daemon" "$LODE_DIR/store.lock" lode-store --capacity 16M
must storectl stat
stop
