# Whatever numpy reads is read: elements in the other byte order, headers that Python 2 wrote, files
# with something behind the elements. A pipe is read once. Files of the kernel are what they hold.
. "$(dirname "$0")/../../support/story.sh"

start lode start --num-cpus 1 --capacity 32M

# FILE TYPE, the elements from stdin: a vector of two
npy() {
    local dict="{'descr': '$2', 'fortran_order': False, 'shape': (${3:-2,}), }"
    { printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$dict" && cat; } >"$1"
}
little() { printf '\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x00\x40'; } # 1.0 2.0
big() { printf '\x3f\xf0\x00\x00\x00\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00'; }

little | npy x.npy '<f8'
must lode run blas.sum x.npy
[ "$out" = 3 ] || give_up "the sum is $out"
big | npy big.npy '>f8'
must lode run blas.sum big.npy
[ "$out" = 3 ] || give_up "in the other byte order the sum is $out"
must storectl put x.npy big.npy
must storectl get big -o back.npy
cmp back.npy x.npy || give_up "the elements were not turned"
{ cat x.npy; echo more; } >long.npy
must lode run blas.sum long.npy
[ "$out" = 3 ] || give_up "with something behind it the sum is $out"
exits 7 bash -c 'head -c 138 x.npy | storectl put - --name cut'
says "$err" "ends after 138 of 144 bytes"

# ---- pipes: every one is read once
little | npy column.npy '<f8' '2, 1'
little | npy row.npy '<f8' '1, 2'
must lode matmul row.npy column.npy --out products
must bash -c 'lode matmul <(cat row.npy) <(cat column.npy) --out piped'
cmp products/column.npy piped/* || give_up "matrices from pipes have another product"

# ---- sysfs says that a file has a page
file=/sys/kernel/mm/transparent_hugepage/enabled
[ -r $file ] || file=$(find /sys -type f -readable -size 4096c 2>/dev/null | head -n 1)
if [ -n "$file" ] && [ -r "$file" ]; then
    must storectl put "$file" --name of_kernel
    must storectl get of_kernel -o of_kernel
    cmp "$file" of_kernel || give_up "$file is not what was put"
fi

# ---- what becomes of a result is not said of the function
exits 1 lode run blas.sum x.npy -o none/sum.npy
says "$err" "lode run: none/sum.npy: cannot be written"
must storectl put x.npy --name taken
exits 1 lode run blas.sum x.npy --name taken
says "$err" "taken"
case $err in *blas.sum*) give_up "the function is blamed: $err" ;; esac
exits 3 storectl get 1a
says "$err" "there is no object '1a'; of an id it takes the first 4 digits, or more"

# ---- documents of what was got, and of what was removed
must storectl get x -o x.out --json
says "$out" '"schema": "storectl.get/1"' '"path": "x.out"' '"size_bytes": 16' '"kind": "array"'
exits 2 storectl get x --json
says "$err" "either --json or the object"
exits 3 storectl rm of_nobody x --json
says "$out" '"schema": "storectl.rm/1"' '"word": "x"' '"removed": "name"'

# ---- options of a private cluster, beside one that runs, are not taken in silence
must lode run -c 3 blas.sum x.npy
says "$err" "a cluster runs already: --num-cpus and --capacity are for a private one"
must lode run blas.sum x.npy
[ -z "$err" ] || give_up "it says $err"

must lode stop
wait "$daemon" || give_up "the cluster ended with $?"
