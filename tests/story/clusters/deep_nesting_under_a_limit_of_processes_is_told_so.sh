# Tasks that nest more deeply than the system has processes for, under a real limit: `ulimit -u` of
# a user, and pids.max of a control group. The program hears at which limit it ended, within seconds
# and each time. Another program's tasks run meanwhile: none of them fails.
# ctest: timeout 300
. "$(dirname "$0")/../../support/story.sh"

tasks=$LODE_TEST_BIN/../tests room=200
under=() count_already=0
if [ "$(id -u)" = 0 ]; then # root has no such limit: the cluster is that of a user nobody else is
    user=$((20000 + $$ % 40000))
    under=(setpriv --reuid $user --regid $user --clear-groups)
    chmod 711 "$base" "$files"
    chown -R $user "$LODE_DIR" "$LODE_SHM_DIR" "$LODE_STATE_DIR"
else
    count_already=$(find /proc/[0-9]*/task -mindepth 1 -maxdepth 1 -user "$(id -u)" 2>/dev/null | wc -l)
fi

# Calls of the stranger, as long as the process runs: each must give its result.
serve_a_stranger() {
    local count=0
    while kill -0 "$1" 2>/dev/null; do
        run timeout 60 "${under[@]}" lode run "$tasks/libplay.so:increment" $count
        [ $status -eq 0 ] && [ "$out" = $((count + 1)) ] || give_up "a stranger's task gave $status: $err"
        count=$((count + 1))
    done
    [ $count -gt 0 ] || give_up "no stranger came meanwhile"
}

nest_too_deeply() {
    local deep
    "${under[@]}" timeout 100 lode run "$tasks/libnest.so:chain" 1000 >deep.out 2>deep.err &
    deep=$!
    serve_a_stranger $deep
    wait $deep
    [ $? -eq 1 ] || give_up "1000 levels gave $?: $(cat deep.out deep.err)"
    says "$(cat deep.err)" "workers of the program wait, and no more can be started" "ulimit -u" pids.max
}

under_limit() {
    start "$@" lode start --num-cpus 2 --capacity 32M
    nest_too_deeply
    nest_too_deeply
    must "${under[@]}" lode run "$tasks/libnest.so:chain" 3 # what there is room for goes on
    [ "$out" = 4 ] || give_up "3 levels gave $out"
    must "${under[@]}" lode stop
    wait "$daemon" || give_up "the supervisor ended with $?"
}

under_limit prlimit --nproc=$((count_already + room)) "${under[@]}"

# Where control groups can be made, of either version.
group=
for root in /sys/fs/cgroup/pids /sys/fs/cgroup; do
    if [ -z "$group" ] && mkdir "$root/$tag" 2>/dev/null; then
        [ -w "$root/$tag/pids.max" ] && group=$root/$tag || rmdir "$root/$tag"
    fi
done
if [ -z "$group" ]; then
    echo "pids.max was not tried: this user can make no control group"
    exit 0
fi
# The group of processes that have just ended is busy for a moment longer.
remove_group() {
    local result=$1
    until rmdir "$group" 2>/dev/null; do
        [ $SECONDS -lt 280 ] || break
    done
    exit "$result"
}
trap '(finish); remove_group $?' EXIT
echo $room >"$group/pids.max"
under_limit bash -c 'echo $$ >'"$group/cgroup.procs"'; exec "$@"' - "${under[@]}"
