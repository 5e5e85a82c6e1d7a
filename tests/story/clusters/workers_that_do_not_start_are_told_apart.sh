# Workers that somebody kills as they start end no task: it waits, and runs once one comes up. A
# worker that cannot work, because it ends by itself or its program is missing, ends what waits for
# it, and the error says which of the two it is.
. "$(dirname "$0")/../../support/story.sh"

mkdir bin
cp "$LODE_TEST_BIN"/lode "$LODE_TEST_BIN"/lode-store "$LODE_TEST_BIN"/lode-scheduler bin/
cp "$LODE_TEST_BIN"/lode-worker bin/real
ln -s "$LODE_TEST_BIN/../lib" lib
cat >bin/lode-worker <<END
#!/bin/bash
case \$(cat "$files/how") in
killed) kill -9 \$\$ ;;
broken) exit 3 ;;
esac
exec -a lode-worker "$files/bin/real" "\$@"
END
chmod +x bin/lode-worker
printf '\x93NUMPY\x01\x00\x76\x00%-117s\n\x00\x00\x00\x00\x00\x00\xf0\x3f' \
    "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }" >one.npy

await_deaths() { # that come from now on
    timeout 60 tail -n +$(($(wc -l <"$base/daemon.err") + 1)) --pid="$daemon" -f "$base/daemon.err" |
        grep -m "$1" WORKER-DIED >deaths
    [ "$(wc -l <deaths)" = "$1" ] || give_up "not $1 deaths: $(cat "$base/daemon.err")"
}

await_worker() {
    run bin/lode run blas.sum one.npy
    until [ $status -eq 0 ]; do
        [ $SECONDS -lt 120 ] || give_up "no worker comes back: $err"
        run bin/lode run blas.sum one.npy
    done
}

kill_worker() {
    kill -9 $(for pid in $(pgrep -P "$daemon"); do
        grep -qz -- --page-fd "/proc/$pid/cmdline" && echo "$pid"
    done)
}

echo killed >how
start bin/lode start --num-cpus 1 --capacity 16M
bin/lode run blas.sum one.npy >sum 2>sum.err &
runs=$!
await_deaths 7
kill -0 $runs 2>/dev/null || give_up "the task did not wait: $(cat sum.err)"
echo well >how
wait $runs || give_up "the task ended with $?: $(cat sum.err)"

echo broken >how
kill_worker
run bin/lode run blas.sum one.npy
[ $status -ne 0 ] || give_up "a task ran without a worker"
says "$err" "no worker can be started" "exited with status 3 as it started"
echo well >how
await_worker

mv bin/lode-worker bin/away
kill_worker
run bin/lode run blas.sum one.npy
[ $status -ne 0 ] || give_up "a task ran without a worker"
says "$err" "no worker can be started" "lode-worker is not beside"
mv bin/away bin/lode-worker
await_worker

must bin/lode stop
wait "$daemon" || give_up "the supervisor ended with $?"
