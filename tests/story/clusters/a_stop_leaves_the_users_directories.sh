# A cluster that ends takes away what it has made: its locks, and its directories, if they are
# empty. A directory that the user has made stays, empty or not; a private cluster leaves it, too.
# ctest: timeout 120
. "$(dirname "$0")/../../support/story.sh"

mine=$LODE_SHM_DIR/mine
mkdir -m 700 "$mine" "$mine/shm" "$mine/dir" "$mine/state"

cycle() { # DIR SHM STATE: a cluster starts there, and is stopped
    export LODE_DIR=$mine/$1 LODE_SHM_DIR=$mine/$2 LODE_STATE_DIR=$mine/$3
    start lode start --num-cpus 1 --capacity 16M
    must lode stop
    wait "$daemon" || give_up "the supervisor ended with $?"
}

cycle dir shm state
for name in dir shm state; do
    [ -d "$mine/$name" ] || give_up "the user's '$name' is gone"
    [ -z "$(ls -A "$mine/$name")" ] || give_up "left in '$name': $(ls -A "$mine/$name")"
done

cycle dir2 shm2 state2
for name in dir2 shm2; do
    [ ! -e "$mine/$name" ] || give_up "'$name' is left, which the cluster has made"
done

export LODE_SHM_DIR=$mine/shm
must env -u LODE_DIR lode run "$LODE_TEST_BIN/../tests/libplay.so:nothing" -c 1 -m 16M
for pid in $(others); do # the private cluster may be ending still
    timeout 20 tail --pid="$pid" -f /dev/null
done
[ -d "$mine/shm" ] || give_up "the user's 'shm' is gone after a private cluster"
[ -z "$(ls -A "$mine/shm")" ] || give_up "a private cluster left $(ls -A "$mine/shm")"

# nor do the daemons of one whose supervisor was killed, nor the next command that sweeps
mkfifo said
exec {said}<>said
env -u LODE_DIR lode run "$LODE_TEST_BIN/../tests/libplay.so:loop_until_cancelled" said -c 1 -m 16M \
    2>err.txt &
running=$!
IFS= read -r -N 1 -t 20 byte <&"$said" && [ "$byte" = r ] || give_up "the task does not run"
for pid in $(others); do
    [ "$(cat "/proc/$pid/comm")" = lode ] && [ "$pid" != "$running" ] && kill -9 "$pid"
done
wait "$running" && give_up "a program without a cluster has ended well"
for pid in $(others); do
    timeout 20 tail --pid="$pid" -f /dev/null
done
[ -d "$mine/shm" ] || give_up "the user's 'shm' is gone after a supervisor was killed"
[ -z "$(ls -A "$mine/shm")" ] || give_up "its daemons left $(ls -A "$mine/shm")"
rm "$LODE_STATE_DIR/private.log" # it says that the supervisor is lost
