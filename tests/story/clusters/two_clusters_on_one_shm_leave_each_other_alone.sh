# Two containers that share /dev/shm, and have a /tmp each: both take the same directory there by
# default. The second is refused, and says what to do; the first loses nothing, then, nor at its
# end.
. "$(dirname "$0")/../../support/story.sh"

unset LODE_DIR
mkdir -m 700 "$base/a" "$base/b"
export XDG_RUNTIME_DIR=$base/a # the directory for sockets follows; that for shared memory does not
start lode start --num-cpus 1 --capacity 16M
first=$daemon
echo kept >kept
must storectl put -f kept

export XDG_RUNTIME_DIR=$base/b
exits 1 timeout 20 lode start --num-cpus 1 --capacity 16M
says "$err" "already running" "$LODE_SHM_DIR" "LODE_SHM_DIR"
exits 1 timeout 20 lode-store --capacity 16M
says "$err" "already running" "LODE_SHM_DIR"
[ ! -e "$base/b/lode/store.sock" ] || give_up "the refused cluster left its socket"

# The first one's store dies while the second tries to start, for a second: it does not get in.
store_of() {
    local pid
    for pid in $(cat "/proc/$1/task/$1/children"); do
        [ "$(cat "/proc/$pid/comm")" = lode-store ] && echo "$pid"
    done
}
for _ in 1 2; do
    kill -9 "$(store_of "$first")"
    exits 1 timeout 20 lode start --num-cpus 1 --capacity 16M
    says "$err" "already running" "LODE_SHM_DIR"
    XDG_RUNTIME_DIR=$base/a must storectl put -f kept
done
LODE_SHM_DIR=$LODE_SHM_DIR/other start lode start --num-cpus 1 --capacity 16M
second=$daemon
must storectl ls

export XDG_RUNTIME_DIR=$base/a
must storectl get kept
[ "$out" = kept ] || give_up "the first cluster has lost its objects: $out"
must lode stop
wait "$first" || give_up "the first supervisor ended with $?"
export XDG_RUNTIME_DIR=$base/b
must storectl put -f kept # the second did not notice
must lode stop
wait "$second" || give_up "the second supervisor ended with $?"
