# A daemon that hangs, or has just ended, is a fact that lode status tells, not one that it waits
# for.
# ctest: timeout 120
. "$(dirname "$0")/../../support/story.sh"

# The pid of a part, as lode status --json has it.
pid_of() {
    must lode status --json
    tr -d ' \n' <"$base/out" | sed "s/.*\"$1\":{\"up\":true,\"pid\":\([0-9]*\),.*/\1/"
}

start lode start --num-cpus 1 --capacity 32M
store=$(pid_of store)
scheduler=$(pid_of scheduler)

freeze "$scheduler"
exits 1 lode status --json
says "$out" '"healthy": false' '"capacity_bytes": 33554432' "\"why\": \"the scheduler, process $scheduler, has not answered"
kill -CONT "$scheduler"
must lode status

freeze "$store"
exits 1 lode status
says "$out" "healthy   supervisor" "SILENT    store      pid $store" \
    ": the store, process $store, has not answered in time"
kill -CONT "$store"

# A scheduler that was killed comes back: the pid is another, and its age says so.
must lode status
kill -9 "$scheduler"
until lode status >"$base/out" && ! grep -q "scheduler  pid $scheduler " "$base/out"; do :; done
out=$(cat "$base/out")
grep -qE "healthy   scheduler  pid [0-9]+ +[0-9.]+ [KM]iB +up [0-9.]+ s$" "$base/out" || give_up "$out"
lode stop >/dev/null || give_up "it does not stop"
wait "$daemon" || give_up "lode start has ended with $?"
