# The program of a daemon is gone when the supervisor starts it again, as amid an upgrade: it is
# tried with growing pauses, not thousands of times a second; and the cluster is up again once it is
# back.
. "$(dirname "$0")/../../support/story.sh"

mkdir bin
cp "$LODE_TEST_BIN"/lode "$LODE_TEST_BIN"/lode-store "$LODE_TEST_BIN"/lode-scheduler \
    "$LODE_TEST_BIN"/lode-worker bin/
ln -s "$LODE_TEST_BIN/../lib" lib
start bin/lode start --num-cpus 1 --capacity 16M

ms() { # the time of day of a line, in milliseconds
    local h m s f
    IFS=:. read -r h m s f <<<"$(sed -n "$1p" lines | cut -d' ' -f2)"
    echo $(((10#$h * 3600 + 10#$m * 60 + 10#$s) * 1000 + 10#$f))
}

for program in lode-store lode-scheduler; do
    mv "bin/$program" bin/away
    from=$(($(wc -l <"$base/daemon.err") + 1))
    kill -9 "$(pgrep -P "$daemon" -x lode-store)" # then the scheduler is told to end
    timeout 30 tail -n +$from --pid="$daemon" -f "$base/daemon.err" |
        grep -m 5 SUPERVISOR-NOT-STARTED >lines
    [ "$(wc -l <lines)" = 5 ] || give_up "$program is not tried again: $(cat "$base/daemon.err")"
    pause=$((($(ms 5) - $(ms 1) + 86400000) % 86400000))
    [ "$pause" -ge 1400 ] || give_up "$program: five attempts within $pause ms: $(cat lines)"
    mv bin/away "bin/$program"
    run storectl ls # waits for a cluster that starts
    until [ $status -eq 0 ]; do
        [ $SECONDS -lt 120 ] || give_up "the cluster does not come back: $err"
        run storectl ls
    done
done
must lode stop
wait "$daemon" || give_up "the supervisor ended with $?"
