#!/usr/bin/env bash
# run.sh FUZZER REPLAY ARGUMENT…: one run of libFuzzer over a corpus of its own, which begins with
# the seeds and with what was ever found. A finding is printed the way found/NAME/….hex wants it.
set -euo pipefail
fuzzer=$1 replay=$2
shift 2

work=$(mktemp -d)
pid=0
trap 'rm -rf "$work" "/dev/shm/lt-$pid"' EXIT
mkdir "$work/corpus" "$work/found"
"$replay" write "$work/corpus"
"$fuzzer" -artifact_prefix="$work/found/" -print_final_stats=1 -timeout=30 -rss_limit_mb=1536 \
    -max_len=2048 -verbosity=0 "$@" "$work/corpus" >"$work/log" 2>&1 &
pid=$!
if wait $pid; then
    grep -E 'stat::number_of_executed_units|stat::peak_rss' "$work/log" || true
    exit 0
fi
tail -n 200 "$work/log"
for input in "$work/found"/*; do
    [ -e "$input" ] || continue
    echo "== keep this as tests/fuzz/found/NAME/what_it_showed.hex, once it is mended:"
    "$replay" hex "$input"
done
exit 1
