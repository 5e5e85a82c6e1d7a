# Where the kernel has no inotify instance left, a cluster says so, and looks by itself whether its
# files are there: what was removed is put back all the same.
if [ -z "${LODE_TEST_NO_INOTIFY:-}" ]; then
    give_up_inotify='echo 0 >/proc/sys/user/max_inotify_instances'
    if ! unshare -U -r sh -c "$give_up_inotify" 2>/dev/null; then
        echo "SKIPPED: no user namespace can be had here"
        exit 77
    fi
    LODE_TEST_NO_INOTIFY=1 exec unshare -U -r sh -c "$give_up_inotify; exec bash '$0'"
fi
. "$(dirname "$0")/../../support/story.sh"

start lode start --num-cpus 1 --capacity 16M
for name in supervisor.lock store.lock scheduler.lock; do
    grep -q "FILES-NOT-WATCHED.*$name" "$base/daemon.err" ||
        give_up "nothing is said of $name: $(cat "$base/daemon.err")"
done
for _ in 1 2; do
    rm "$LODE_DIR"/*.lock "$LODE_DIR"/*.sock
    for name in supervisor.lock store.lock scheduler.lock store.sock scheduler.sock; do
        timeout 20 bash -c "until [ -e '$LODE_DIR/$name' ]; do :; done" ||
            give_up "$name does not come back"
    done
done
must storectl stat
must lode stop
wait "$daemon" || give_up "the supervisor ended with $?"
