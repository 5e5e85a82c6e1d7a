# A whole private cluster under a real limit of processes (ulimit -u), from too few for anything up
# to enough: each time the program ends within seconds, by no signal, and either it did its work or
# its stderr names the limit. Nothing is left. The program, both daemons and the workers start their
# threads under one limit, so each of them is the one that gets none.
# ctest: timeout 600
# ctest: ci 1 3
. "$(dirname "$0")/../../support/story.sh"

step=${1:-9} rounds=${2:-1}
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # that takes a thread at the exit
unset LODE_DIR                                                  # nothing runs there: a private cluster

# Root has no such limit: then the program belongs to a user that nobody else is.
if [ "$(id -u)" = 0 ]; then
    user=$((20000 + $$ % 40000))
    chmod 711 "$base" "$files" "$LODE_SHM_DIR" "$LODE_STATE_DIR"
    for name in XDG_RUNTIME_DIR LODE_SHM_DIR LODE_STATE_DIR; do
        mkdir "${!name}/u"
        chown $user "${!name}/u"
        export $name="${!name}/u"
    done
    under=(setpriv --reuid $user --regid $user --clear-groups)
    count_already() { echo 0; }
else
    under=()
    count_already() { find /proc/[0-9]*/task -mindepth 1 -maxdepth 1 -user "$(id -u)" 2>/dev/null | wc -l; }
fi
printf '\x93NUMPY\x01\x00\x76\x00%-117s\n\x00\x00\x00\x00\x00\x00\xf0\x3f' \
    "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }" >one.npy
chmod 644 one.npy

await_none() {
    local pid
    for pid in $(others); do
        timeout 20 tail --pid="$pid" -f /dev/null || give_up "with $limit processes $pid does not end"
    done
}

try_once() {
    run timeout --kill-after=1 30 prlimit --nproc=$(($(count_already) + limit)) "${under[@]}" \
        lode run -c 2 blas.sum one.npy
}

# True if the limit was enough.
try_with() {
    limit=$1 status=126
    # 126: the kernel still counts what has just ended, and the program does not even begin.
    for ((again = 0; again < 1000 && status == 126; again++)); do
        try_once
    done
    [ $status -lt 124 ] || give_up "with $limit processes it ended with $status: $err"
    [ $status -eq 0 ] || says "$err" "ulimit -u" "pids.max"
    await_none
    [ -z "$(ls -A "$XDG_RUNTIME_DIR" | grep '^lode-')" ] || give_up "with $limit a directory stays"
    return $status
}

for _ in $(seq "$rounds"); do
    failures=0 successes=0 limit=1
    while [ $successes -lt 3 ]; do
        if try_with $limit; then
            successes=$((successes + 1))
        else
            failures=$((failures + 1)) successes=0
        fi
        limit=$((limit + step))
        [ $limit -lt 2000 ] || give_up "$limit processes are not enough: $err"
    done
    [ $failures -ge 3 ] || give_up "the limit struck only $failures times"
done
