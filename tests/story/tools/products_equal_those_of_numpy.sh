# lode matmul and lode run give what numpy gives, for files that numpy wrote, and numpy reads
# theirs.
. "$(dirname "$0")/../../support/story.sh"

python=
for candidate in python3 /usr/bin/python3; do
    "$candidate" -c 'import numpy' 2>/dev/null && python=$candidate && break
done
if [ -z "$python" ]; then
    echo "SKIPPED: no Python with numpy here (python3-numpy)" >&2
    exit 77
fi

"$python" - <<'PY'
import numpy as np
g = np.random.default_rng(1)
np.save("x.npy", g.standard_normal((120, 80)))
np.save("a.npy", g.standard_normal((80, 1)))
np.save("b.npy", np.asfortranarray(g.standard_normal((80, 33))))
np.save("c.npy", g.standard_normal((80, 64)))
np.save("x32.npy", g.standard_normal((64, 80)).astype("f4"))
np.save("y32.npy", g.standard_normal((80, 16)).astype("f4"))
np.save("v.npy", np.arange(5, dtype="i8"))
PY

start lode start --num-cpus 2 --capacity 32M
must lode matmul x.npy a.npy b.npy c.npy --out out
must lode matmul x32.npy y32.npy --out out
must lode run "$LODE_TEST_BIN/../tests/libplay.so:copy" -o copy.npy v.npy
must lode run -o left.npy blas.matmul x.npy c.npy
must lode stop
wait $daemon

"$python" - <<'PY' || give_up "numpy does not agree"
import numpy as np
x = np.load("x.npy")
for name in "abc":
    z, want = np.load(f"out/{name}.npy"), x @ np.load(f"{name}.npy")
    assert z.dtype == np.float64 and z.shape == want.shape, (name, z.dtype, z.shape)
    assert np.allclose(z, want, rtol=1e-12, atol=1e-12), name
z, want = np.load("out/y32.npy"), np.load("x32.npy") @ np.load("y32.npy")
assert z.dtype == np.float32 and np.allclose(z, want, rtol=1e-4, atol=1e-4)
assert np.allclose(np.load("left.npy"), x @ np.load("c.npy"))
assert (np.load("copy.npy") == np.arange(5)).all() and np.load("copy.npy").dtype == np.int64
PY
