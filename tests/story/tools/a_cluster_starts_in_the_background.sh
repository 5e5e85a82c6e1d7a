# lode start --background returns when all is up, and the cluster runs on without a terminal. A
# start that fails says why. lode start --json says that all is up.
. "$(dirname "$0")/../../support/story.sh"

must lode start --background --num-cpus 1 --capacity 32M --json
says "$out" '"schema": "lode.start/1"' "\"dir\": \"$LODE_DIR\""
pid=$(sed -nE 's/.*"supervisor_pid": ([0-9]+).*/\1/p' "$base/out")
must lode status
says "$out" "healthy   supervisor pid $pid"
[ "$(ps -o sid= -p "$pid" | tr -d ' ')" = "$pid" ] || give_up "it has our session"
log=$(find "$LODE_STATE_DIR" -name start.log)
for fd in 0 1 2; do
    case $(readlink "/proc/$pid/fd/$fd") in /dev/null | "$log") ;; *) give_up "its descriptor $fd is $(readlink "/proc/$pid/fd/$fd")" ;; esac
done
grep -q "lode: ready in $LODE_DIR" "$log" || give_up "the log does not say so"

exits 1 lode start --background
says "$err" "already running (pid $pid)" "more is in '$log'"
exits 2 lode start --background --ready-fd 1
must lode stop
exits 1 lode start --background --capacity 15T
says "$err" "lode-store exited with status 6"
grep -q "KiB free" "$log" || give_up "the log does not say why"

# a log that has grown large is put aside
head -c 1048576 /dev/zero >"$log"
must lode start -b --num-cpus 1 --capacity 32M
says "$out" "started the cluster in $LODE_DIR: supervisor (pid "
[ "$(stat -c %s "$log.old")" = 1048576 ] || give_up "the log was not put aside"
must lode stop

# a trick that there is not is named once, and what was started without any runs
LODE_WITHOUT=key,nonsense must lode start -b --num-cpus 1 --capacity 32M
[ "$(grep -c "LODE_WITHOUT: 'nonsense' is passed over.*stream, key, near, ahead and plain" \
    "$base/err")" = 1 ] || give_up "$err"
LODE_WITHOUT=keys must lode status
says "$err" "'keys' is passed over" "stream, key, near, ahead and plain"
must lode stop

# in the foreground the document comes when all is up
mkfifo up
lode start --num-cpus 1 --capacity 32M --json >up 2>/dev/null &
daemon=$!
IFS= read -r -d '}' document <up
says "$document" '"schema": "lode.start/1"' "\"supervisor_pid\": $daemon"
must lode status
must lode stop
wait "$daemon" || give_up "the cluster ended with $?"
