"""Finding 5: how well can the singular values of the label matrix be estimated from the counts?

Between neighbouring distinct counts c > c' (multiplicities s, s') lies one squared singular value x, the root of
Σ_g s_g c_g / (c_g − x) = 0 (docs/theory §3). Written as near poles and far field,

    s c/(c − x)  +  s' c'/(c' − x)  +  F(x)  =  0,        F(x) = Σ_far s_g c_g/(c_g − x),

five estimates of it, each dearer than the one before:

- *interlacing* (the paper's): c' < x < c; its middle is √(c c').
- *steep limit*: where counts fall steeply, the i classes above pull with 1 each and those below not at all, so that x
  → c' (1 + s'/i).
- *two poles*: F = 0 gives the weighted harmonic mean, x_0 = c c' (s + s')/(s c + s' c').
- *far field*: F(x_0) for F(x). What remains is a quadratic equation, whose root between the poles is x_1.
- *bounds*: F increases between the poles, and so does the whole left side. So putting F(c') for F(x) makes it
  smaller, and its root larger; F(c) the reverse: two quadratic equations enclose x. Putting F at these two enclosing
  points for F(x), again.

The sign of F(x_0) is the side of x_0 on which x lies, by the same argument. Everything costs O(m) a value, with no
iteration.
"""

from collections.abc import Iterator
from itertools import pairwise

import altair as alt
import numpy as np

import penultimate as pen
from studies import charts
from studies.results import NEVER, Claim, Study, main, markdown

NAMES = ("interlacing", "steep limit", "two poles", "far field", "bounds")
_ROUNDING = 1e-12


class Gaps:
    """The gaps between neighbouring distinct counts, all at once."""

    def __init__(self, counts: pen.ClassCounts) -> None:
        self.poles = counts.distinct
        self.size = counts.multiplicity.astype(float)
        self.upper, self.lower = self.poles[:-1], self.poles[1:]
        self.above, self.below = self.size[:-1] * self.upper, self.size[1:] * self.lower

    def far_field(self, x: np.ndarray) -> np.ndarray:
        """F at one point of each gap."""
        gap = np.arange(x.size)[:, None]
        far = (np.arange(self.poles.size) != gap) & (np.arange(self.poles.size) != gap + 1)
        terms = np.where(far, self.size * self.poles, 0.0) / np.where(far, self.poles - x[:, None], 1.0)
        return terms.sum(axis=1)

    def solve(self, field: np.ndarray) -> np.ndarray:
        """Root between the poles for a far field that is constant; written as an offset from the lower pole."""
        width = self.upper - self.lower
        b = self.above + self.below + field * width
        root = np.sqrt((self.above - self.below + field * width) ** 2 + 4 * self.above * self.below)
        with np.errstate(divide="ignore", invalid="ignore"):
            offset = np.where(b >= 0, 2 * self.below * width / (b + root), (b - root) / (2 * field))
        return self.lower + offset

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Points that enclose the root, as proved above."""
        low, high = self.solve(self.far_field(self.upper)), self.solve(self.far_field(self.lower))
        return self.solve(self.far_field(high)), self.solve(self.far_field(low))

    def estimates(self) -> dict[str, np.ndarray]:
        """Every estimate of x, by name."""
        two_poles = self.solve(np.zeros(self.upper.size))
        low, high = self.bounds()
        return {
            "interlacing": np.sqrt(self.upper * self.lower),
            "steep limit": self.lower * (1 + self.size[1:] / np.cumsum(self.size)[:-1]),
            "two poles": two_poles,
            "far field": self.solve(self.far_field(two_poles)),
            "bounds": np.sqrt(low * high),
        }


def random_counts(number: int, seed: int) -> Iterator[tuple[str, pen.ClassCounts]]:
    """Profiles of many shapes: smooth and ragged, steep and flat, with ties and without."""
    rng = np.random.default_rng(seed)
    kinds = ("log-uniform", "exponential", "Zipf", "few groups", "nearly balanced")
    for index in range(number):
        classes, kind = int(rng.integers(3, 80)), kinds[index % len(kinds)]
        ratio = float(10 ** rng.uniform(0.3, 3.7))
        if kind == "log-uniform":
            values = np.floor(np.exp(rng.uniform(0, np.log(ratio), classes)) * 5)
        elif kind == "few groups":
            values = rng.choice(np.floor(5 * np.geomspace(1, ratio, 4)), classes)
            values[:2] = 5, np.floor(5 * ratio)
        elif kind == "nearly balanced":
            values = 1000.0 + rng.permutation(400)[:classes]
        else:
            values = pen.ClassCounts.long_tailed(classes, 5 * ratio, ratio, kind.lower()).values
        counts = pen.ClassCounts(values)
        if counts.distinct.size > 1:
            yield kind, counts


def exact(counts: pen.ClassCounts) -> np.ndarray:
    """Squared singular values in the gaps, largest first."""
    spectrum = pen.LabelSpectrum(counts)
    return spectrum.sigma[spectrum.mixed_index] ** 2


def dense(counts: pen.ClassCounts) -> np.ndarray:
    """All singular values by NumPy, from the matrix itself."""
    n = counts.values
    matrix = (np.eye(n.size) - np.outer(n, np.ones(n.size)) / n.sum()) * np.sqrt(n)
    return np.linalg.svd(matrix, compute_uv=False)


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    number = 300 if quick else 3000
    rows, broken, sides, outside, against_dense = [], 0, 0, 0, 0.0
    widths: list[tuple[float, float]] = []
    for kind, counts in random_counts(number, seed):
        gaps, x = Gaps(counts), exact(counts)
        every = np.sort(counts.values)[::-1]
        sigma = dense(counts)
        scale = _ROUNDING * every[0]
        broken += int(np.sum(sigma**2 > every + scale) + np.sum(sigma[:-1] ** 2 < every[1:] - scale))
        mixed = np.sort(sigma[:-1])[::-1]
        ours = np.sort(np.repeat(pen.LabelSpectrum(counts).sigma, pen.LabelSpectrum(counts).multiplicity))[::-1]
        against_dense = max(against_dense, float(np.abs(ours - mixed).max() / mixed[0]))
        low, high = gaps.bounds()
        outside += int(np.sum(low > x * (1 + _ROUNDING)) + np.sum(high < x * (1 - _ROUNDING)))
        widths += zip((high / low - 1).tolist(), (gaps.upper / gaps.lower - 1).tolist(), strict=True)
        estimates = gaps.estimates()
        field = gaps.far_field(estimates["two poles"])
        clear = np.abs(estimates["two poles"] / x - 1) > 1e-10
        sides += int(np.sum(np.sign(field[clear]) != np.sign((estimates["two poles"] - x)[clear])))
        errors = {name: np.abs(np.sqrt(estimate / x) - 1) for name, estimate in estimates.items()}
        rows += [
            {
                "kind": kind,
                "gap": float(gaps.upper[i] / gaps.lower[i]),
                **{name: float(errors[name][i]) for name in NAMES},
            }
            for i in range(x.size)
        ]
    errors = {name: np.array([row[name] for row in rows]) for name in NAMES}
    real = {name: _real(pen.datasets.counts(name)) for name in pen.datasets.names()}
    claims = _claims(len(rows), number, broken, against_dense, outside, sides, np.array(widths), errors)
    facts = {"profiles": number, "gaps": len(rows), "errors": _summaries(rows), "bundled": real}
    return Study(claims, _figures(rows), facts, {"bundled": _table(real)})


def _real(counts: pen.ClassCounts) -> dict[str, object]:
    """Relative errors of σ over the gaps of bundled counts, and how far the bounds are apart."""
    gaps, x = Gaps(counts), exact(counts)
    errors = {name: np.abs(np.sqrt(estimate / x) - 1) for name, estimate in gaps.estimates().items()}
    low, high = gaps.bounds()
    return {
        "distinct": int(counts.distinct.size),
        **{name: {"median": float(np.median(e)), "worst": float(e.max())} for name, e in errors.items()},
        "bounds_apart": float(np.sqrt(high / low).max() - 1),
        "neighbours_apart": float(np.sqrt(gaps.upper / gaps.lower).max() - 1),
    }


def _summaries(rows: list[dict[str, float | str]]) -> dict[str, object]:
    kinds = sorted({str(row["kind"]) for row in rows})
    out: dict[str, object] = {}
    for kind in ["all", *kinds]:
        some = [row for row in rows if kind in ("all", row["kind"])]
        quantiles = {name: np.quantile([float(row[name]) for row in some], (0.5, 0.95, 1.0)) for name in NAMES}
        out[kind] = {
            name: dict(zip(("median", "95 %", "worst"), q.tolist(), strict=True)) for name, q in quantiles.items()
        }
    return out


def _claims(
    gaps: int,
    profiles: int,
    broken: int,
    against_dense: float,
    outside: int,
    sides: int,
    widths: np.ndarray,
    errors: dict[str, np.ndarray],
) -> list[Claim]:
    two = np.array([[50, 3], [1000, 1], [7, 6]])
    formula = max(
        float(abs(exact(pen.ClassCounts([a] * r + [c] * q))[0] / ((r + q) * a * c / (r * a + q * c)) - 1))
        for a, c in two
        for r, q in ((1, 1), (3, 7), (40, 2))
    )
    claims = [
        Claim(
            f"finding 5: squared singular values (by NumPy) and counts interlace, {profiles:,} profiles",
            "no violation",
            f"{broken}",
            broken,
            *NEVER,
        ),
        Claim(
            "the package's singular values are NumPy's",
            "no difference",
            f"{against_dense:.1e} σ_1 at the worst",
            against_dense,
            1e-12,
            "rounding of a dense decomposition",
        ),
        Claim("two groups: σ² = K a c/N", "no difference", f"{formula:.1e}, relative", formula, 1e-13, "rounding"),
        Claim(
            f"bounds from the far field at both ends enclose σ² ({gaps:,} gaps; proved)",
            "no violation",
            f"{outside}",
            outside,
            *NEVER,
        ),
        Claim(
            "the sign of F(x_0) tells on which side of two poles σ² lies (proved)",
            "no violation",
            f"{sides}",
            sides,
            *NEVER,
        ),
    ]
    for better, worse in (("two poles", "interlacing"), ("far field", "two poles"), ("bounds", "far field")):
        gain = float(np.median(errors[better]) / np.median(errors[worse]))
        claims.append(
            Claim(
                f"'{better}' is sharper than '{worse}': median relative error of σ",
                "less",
                f"{np.median(errors[better]):.1e} for {np.median(errors[worse]):.1e}",
                gain,
                1.0,
                "ratio of medians",
            )
        )
    apart = float(np.median(widths[:, 0] / widths[:, 1]))
    claims.append(
        Claim(
            "the bounds are closer than neighbouring counts, median over gaps",
            "closer",
            f"{apart:.1e} of the distance",
            apart,
            1.0,
            "ratio",
        )
    )
    fall = 1e4
    gaps_of = pen.ClassCounts(fall ** np.arange(5.0))
    limit = float(np.abs(Gaps(gaps_of).estimates()["steep limit"] / exact(gaps_of) - 1).max())
    claims.append(
        Claim(
            "counts that fall by 10,000 each: σ² is within a few ten-thousandths of n' (1 + 1/i)",
            "the limit",
            f"{limit:.1e} away, relative",
            limit,
            5 / fall,
            "one term c'/c for each of five poles",
        )
    )
    return claims


def _table(real: dict[str, dict[str, object]]) -> str:
    rows = [
        (
            name,
            f"{found['distinct']}",
            *(f"{found[estimate]['median']:.1e} / {found[estimate]['worst']:.1e}" for estimate in NAMES),
            f"{found['bounds_apart']:.1e}",
        )
        for name, found in real.items()
    ]
    return markdown(
        ("counts", "distinct", *(f"{name}: median / worst" for name in NAMES), "bounds apart, at most"), rows
    )


def _figures(rows: list[dict[str, float | str]]) -> dict[str, alt.LayerChart]:
    legend = charts.colour("estimate", "estimate", NAMES)
    grid = np.linspace(0.005, 0.995, 100)
    curves = [
        {"estimate": name, "share": share, "error": max(value, 1e-10)}
        for name in NAMES
        for share, value in zip(
            grid.tolist(),
            np.quantile([float(row[name]) for row in rows], grid).tolist(),
            strict=True,
        )
    ]
    tight = charts.chart(
        "Finding 5: how tight each estimate is",
        [f"Relative error of σ over {len(rows):,} gaps of random profiles"],
        charts.lines(
            curves,
            charts.axis("error", "relative error", log=True),
            charts.axis("share", "share of gaps below it"),
            legend,
        ),
    )
    edges = np.geomspace(1.001, 30, 19)
    gap = np.array([float(row["gap"]) for row in rows])
    loose = []
    for low, high in pairwise(edges):
        inside = np.flatnonzero((gap >= low) & (gap < high))
        if inside.size >= 20:
            loose += [
                {"estimate": name, "gap": float(np.sqrt(low * high)), "error": max(worst, 1e-10)}
                for name in NAMES
                for worst in [float(np.quantile([float(rows[i][name]) for i in inside], 0.95))]
            ]
    where = charts.chart(
        "Finding 5: where each estimate is loose",
        ["95 % of errors lie below, by the ratio of the two neighbouring counts"],
        charts.lines(
            loose,
            charts.axis("gap", "larger over smaller count", log=True),
            charts.axis("error", "relative error", log=True),
            legend,
        ),
    )
    return {"tight": tight, "loose": where}


if __name__ == "__main__":
    main("spectrum", study)
