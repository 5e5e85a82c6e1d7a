# What a word on the command line may be: a name, an id, how an id begins and ends, and either of
# them by a prefix that says which is meant. Results of `lode run` get names; a bad file among
# several, or a bad word, costs the others nothing.
. "$(dirname "$0")/../../support/story.sh"

start lode start --num-cpus 1 --capacity 32M
digits=0123456789abcdef0123456789abcdef
printf 'one' >one
printf 'two' >two
printf 'hex' >$digits
printf 'dead' >dead

# ---- a bad file costs the others nothing; the exit status is the first failure's
exits 3 storectl put one none two $digits dead
says "$err" "none: there is no such file"
must storectl ls
says "$out" one two $digits dead
must storectl stat one --json
first=$(sed -nE 's/.*"id": "([0-9a-f]{32})".*/\1/p' <<<"$out")
must storectl stat two --json
second=$(sed -nE 's/.*"id": "([0-9a-f]{32})".*/\1/p' <<<"$out")

# ---- ids, whole and cut
must storectl get "$first"
[ "$out" = one ] || give_up "the id $first gave $out"
must storectl get "id:$first"
[ "$out" = one ] || give_up "id: gave $out"
must storectl get "..${second: -10}"
[ "$out" = two ] || give_up "the end of an id gave $out"
must storectl get "${second:0:6}..${second: -2}"
[ "$out" = two ] || give_up "both ends of an id gave $out"
exits 2 storectl get "${first:0:4}"
says "$err" "'${first:0:4}' fits " " ids: " "write more digits"
exits 3 storectl get id:ffff
exits 2 storectl get id:xyz
says "$err" "'id:xyz' is no id"

# ---- names that look like ids
must storectl get $digits
[ "$out" = hex ] || give_up "a name of 32 digits gave $out"
must storectl get name:$digits
[ "$out" = hex ] || give_up "name: gave $out"
exits 3 storectl get id:$digits
must storectl get dead
[ "$out" = dead ] || give_up "a name that is hex digits gave $out"
exits 2 storectl put one --name $digits
says "$err" "would be taken for an id"
must storectl put one --name name:$digits --replace
must storectl get $digits
[ "$out" = one ] || give_up "the replaced name gave $out"
must storectl rm $digits
exits 3 storectl get $digits

# ---- results keep a name
printf '\x93NUMPY\x01\x00\x76\x00%-117s\n\x00\x00\x00\x00\x00\x00\xf0\x3f' \
    "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }" >x.npy
must lode run blas.sum x.npy --name total
must lode run blas.scale 3 @total
exits 1 lode run blas.sum x.npy --name total
must lode run blas.sum x.npy --name total --replace
exits 2 lode run blas.sum x.npy --name a --name b
says "$err" "blas.sum has 1 result, and --name was given 2 times"
must storectl ls 'total'
says "$out" "total"

# ---- what contradicts itself is a usage error; a relative directory is one
exits 2 storectl ls --json --jsonl
says "$err" "--jsonl"
(cd / && must storectl ls --dir "${LODE_DIR#/}")
must lode status --json
says "$out" '"generation": "'
must lode stop
wait "$daemon" || give_up "the cluster ended with $?"
