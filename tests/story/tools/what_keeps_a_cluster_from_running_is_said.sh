# A directory in which no cluster of ours could run, a capacity that cannot be had: the sentence
# names it, and the exit status too.
. "$(dirname "$0")/../../support/story.sh"

for size in 1K 17T; do
    for command in "start" "run blas.sum x.npy" "matmul x.npy y.npy --out out"; do
        exits 2 lode $command --capacity $size
        says "$err" "--capacity: '$size' is not from 1 MiB to 16 TiB"
    done
done

# ---- more than the tmpfs has: 6, as for any store that is full
unset LODE_DIR
exits 6 lode run --capacity 15T blas.sum str:x
says "$err" "KiB free" "lode run: a private cluster does not start: "
export LODE_DIR=$base/d
exits 1 lode start --capacity 15T
says "$err" "KiB free"

# ---- a directory that is open to others
chmod 755 "$LODE_DIR"
for command in "storectl ls" "lode status" "lode tasks" "lode run --dir $LODE_DIR blas.sum str:x"; do
    exits 8 $command
    says "$err" "'$LODE_DIR' has the mode 0755"
done
chmod 700 "$LODE_DIR"
exits 5 storectl ls
says "$err" "no cluster runs in '$LODE_DIR': start one with \`lode start\`"

# ---- lode bench speaks with its own name, and knows its cases
must lode bench --list
says "$out" task_sync startup
exits 2 lode bench nothing_such
says "$err" "lode bench: unknown case \"nothing_such\"; there are:"
must lode bench --help
says "$out" "Usage: lode bench"
