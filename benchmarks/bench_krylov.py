"""Leading singular vectors of a large matrix: by few reads, against scikit-learn, SciPy and the Gram matrix.

The physical limit is one read of the matrix, with its two products.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse.linalg import svds
from sklearn.utils.extmath import randomized_svd

import penultimate as pen
from measure import console, cpu, table
from penultimate.noise import Leading
from penultimate.noise.oriented import Oriented

RANK = 16
# Rows and columns; the second in half precision.
TALL, WIDE = (64_000, 1_024), (64_000, 4_096)


def planted(rows: int, columns: int, dtype: str) -> np.ndarray:
    """Noise with sixteen directions, the weakest of 2.5 edges, made a block of rows at a time."""
    rng = np.random.default_rng(0)
    strengths = (np.sqrt(rows) + np.sqrt(columns)) * np.geomspace(14, 2.5, RANK, dtype=np.float32)
    right = np.linalg.qr(rng.standard_normal((columns, RANK)))[0].astype(np.float32).T
    out = np.empty((rows, columns), dtype=dtype)
    for start in range(0, rows, 4_000):
        block = out[start : start + 4_000]
        left = rng.standard_normal((len(block), RANK), dtype=np.float32) * (strengths / np.float32(np.sqrt(rows)))
        block[...] = rng.standard_normal(block.shape, dtype=np.float32) + left @ right
    return out


def by_gram(matrix: np.ndarray) -> np.ndarray:
    """Leading right vectors, exactly but for rounding."""
    gram = np.zeros((matrix.shape[1], matrix.shape[1]))
    for start in range(0, len(matrix), 4_096):
        block = matrix[start : start + 4_096].astype(np.float32)
        gram += block.T @ block
    return np.linalg.eigh(gram)[1][:, ::-1][:, :RANK]


def compare(shape: tuple[int, int], dtype: str) -> None:
    """Print processor time, ratios to this package, the largest sine to the exact space, and the one certified."""
    matrix = planted(*shape, dtype)
    ways: dict[str, Callable[[], Leading | np.ndarray]] = {
        "penultimate, target 1e-3": lambda: pen.noise.leading(matrix, RANK),
        "penultimate, target 1e-5": lambda: pen.noise.leading(matrix, RANK, target=1e-5),
        "Gram matrix": lambda: by_gram(matrix),
    }
    if dtype == "float32":  # neither takes half precision
        ways["scikit-learn randomized_svd"] = lambda: randomized_svd(matrix, RANK, n_iter=4, random_state=0)[2].T
        ways["scipy svds"] = lambda: svds(matrix, RANK, random_state=0)[2].T
    found: dict[str, Leading | np.ndarray] = {}
    seconds = {name: cpu(lambda name=name, way=way: found.update({name: way()})) for name, way in ways.items()}
    oriented = Oriented(matrix, np.ones(len(matrix)))
    seconds["limit: one read"] = cpu(lambda: oriented.squared(np.ones((matrix.shape[1], RANK))))
    exact, own = found["Gram matrix"], seconds["penultimate, target 1e-3"]
    title = f"{RANK} leading vectors of {shape[0]:,} × {shape[1]:,}, {dtype}"
    out = table(title, "", "s", "times", "largest sine", "certified", "reads")
    for name, time in seconds.items():
        one = found.get(name)
        vectors = one.right if isinstance(one, Leading) else one
        off = "" if vectors is None else f"{np.linalg.norm(vectors - exact @ (exact.T @ vectors), 2):.1e}"
        said = (f"{one.sine.max():.1e}", str(one.reads)) if isinstance(one, Leading) else ("", "")
        out.add_row(name, f"{time:.2f}", f"{time / own:.2f}", off, *said)
    console.print(out)


def main() -> None:
    """A head of many classes in single precision, and a wide one in half."""
    compare(TALL, "float32")
    compare(WIDE, "float16")


if __name__ == "__main__":
    main()
