"""Regression on targets inside a survival set: rates, real scores, and how many samples of each class there were.

After Daskalakis, Rohatgi and Zampetakis 2020 (arXiv 2007.14539). Real scores are those of one bundled network,
regressed on features of the other for the same images.
"""

from collections.abc import Iterator

import altair as alt
import numpy as np
from scipy.special import ndtr

import penultimate as pen
from studies.results import Claim, Study, main, markdown

WIDTH, SIZES = 20, (500, 2000, 8000, 32000)
SETS = {"[0, ∞)": (0.0, np.inf), "[0.5, 1.5]": (0.5, 1.5), "(−∞, −0.5]": (-np.inf, -0.5)}
SHARES = (0.7, 0.5, 0.2)
_RATES = ("survival set", "survivors", "truncated", "√tr I⁻¹", "censored", "least squares", "refused")
_SCORES = ("kept", "least squares", "dropped set to the limit", "censored", "truncated refused")
_COUNTS = ("noise", "kept", "N̂/N of a class, median", "10 … 90 %", "within a factor of two")
_LEARNT, _REFUSED = 5000, pen.FeaturesError
Regression = pen.heads.CensoredRegression


def least_squares(rows: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Slopes, and the constant last."""
    return np.linalg.lstsq(np.column_stack([rows, np.ones(len(rows))]), targets, rcond=None)[0]


def rates(sizes: tuple[int, ...], draws: int, seed: int) -> list[dict[str, object]]:
    """Errors of all slopes together over the number of survivors, with noise of deviation 1 that is known."""
    found: list[dict[str, object]] = []
    for name, limits in SETS.items():
        for size in sizes:
            rng = np.random.default_rng(seed)
            cells: list[tuple[float, ...]] = []
            refused = 0
            for _ in range(draws):
                slopes = 1.5 * rng.normal(size=WIDTH) / np.sqrt(WIDTH)
                rows = rng.normal(size=(8 * size, WIDTH))
                targets = rows @ slopes + rng.normal(size=len(rows))
                survives = (targets >= limits[0]) & (targets <= limits[1])
                total = int(np.flatnonzero(survives)[size - 1]) + 1
                rows, targets, survives = rows[:total], targets[:total], survives[:total]
                try:
                    model = Regression(limits, sigma=1.0).fit(rows[survives], targets[survives], total=total)
                except _REFUSED:
                    refused += 1
                    continue
                whole = Regression(limits, sigma=1.0).fit(rows[survives], targets[survives], dropped=rows[~survives])
                errors = [float(np.sum((one.coef_ - slopes) ** 2)) for one in (model, whole)]
                plain = float(np.sum((least_squares(rows[survives], targets[survives])[:-1] - slopes) ** 2))
                cells.append((errors[0], float(np.sum(model.standard_errors_**2)), errors[1], plain))
            means = np.sqrt(np.mean(cells, axis=0)) if cells else np.full(4, np.nan)
            found.append({"set": name, "size": size, "refused": refused, "errors": means.tolist()})
    return found


def scores() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of one bundled network, scores of the other, and labels."""
    first, second = (list(pen.datasets.features(f"{name}-test").batches()) for name in ("cnn-mse", "cnn-ce"))
    head = pen.datasets.features("cnn-ce").head
    assert head is not None
    other = np.concatenate([batch.features for batch in second]).astype(np.float64)
    rows = np.concatenate([batch.features for batch in first]).astype(np.float64)
    return rows, head.logits(other), np.concatenate([batch.labels for batch in first])


def real(shares: tuple[float, ...], seed: int) -> Iterator[dict[str, object]]:
    """Explained variance on other images, of every class's score; and counts of classes before the filter."""
    rows, targets, labels = scores()
    order = np.random.default_rng(seed).permutation(len(rows))
    learnt, rest = order[:_LEARNT], order[_LEARNT:]
    for share in shares:
        explained: list[tuple[float, float, float]] = []
        ratios: list[float] = []
        refused = 0
        for k in range(targets.shape[1]):
            y = targets[:, k]
            limit = float(np.quantile(y[learnt], 1.0 - share))
            own, lost = learnt[y[learnt] > limit], learnt[y[learnt] <= limit]
            model = Regression((limit, np.inf)).fit(rows[own], y[own], dropped=rows[lost])
            plain = least_squares(rows[own], y[own])
            imputed = least_squares(rows[learnt], np.maximum(y[learnt], limit))
            answers = [model.predict(rows[rest]), *(rows[rest] @ one[:-1] + one[-1] for one in (plain, imputed))]
            explained.append(tuple(1 - float(np.mean((y[rest] - one) ** 2)) / float(y[rest].var()) for one in answers))
            survival = _survival(model, rows[own], limit)
            ratios += [
                float(np.sum(1 / survival[labels[own] == c])) / float(np.sum(labels[learnt] == c))
                for c in range(targets.shape[1])
            ]
            try:
                Regression((limit, np.inf)).fit(rows[own], y[own], total=len(learnt))
            except _REFUSED:
                refused += 1
        yield {"share": share, "explained": explained, "refused": refused, "ratios": ratios}


def _survival(model: pen.heads.CensoredRegression, rows: np.ndarray, limit: float) -> np.ndarray:
    return ndtr((model.predict(rows) - limit) / model.sigma_)


def simulated_counts(share: float, seed: int) -> list[float]:
    """The same with Gaussian noise of half the deviation of what the features say, on the real features."""
    rows, _, labels = scores()
    rng = np.random.default_rng(seed)
    ratios: list[float] = []
    for _ in range(5):
        signal = rows @ rng.normal(size=rows.shape[1])
        y = signal + 0.5 * signal.std() * rng.normal(size=len(rows))
        limit = float(np.quantile(y, 1.0 - share))
        kept = y > limit
        model = Regression((limit, np.inf)).fit(rows[kept], y[kept], dropped=rows[~kept])
        survival = _survival(model, rows[kept], limit)
        ratios += [float(np.sum(1 / survival[labels[kept] == c])) / float(np.sum(labels == c)) for c in range(10)]
    return ratios


def _within(ratios: list[float]) -> float:
    return float(np.mean((np.array(ratios) > 0.5) & (np.array(ratios) < 2.0)))


def _claims(by_size: list[dict], by_share: list[dict], gaussian: dict[float, list[float]]) -> Iterator[Claim]:
    ratios = [abs(np.log(cell["errors"][0] / cell["errors"][1])) for cell in by_size if np.isfinite(cell["errors"][0])]
    far = float(np.expm1(max(ratios)))
    yield Claim("truncated, Gaussian noise: error over √tr I⁻¹", "1", f"within {100 * far:.0f} %", far, 0.1,
                "asked for")  # fmt: skip
    half = [cell["errors"][0] for cell in by_size if cell["set"] == "[0, ∞)"]
    sizes = [cell["size"] for cell in by_size if cell["set"] == "[0, ∞)"]
    slope = float(np.polyfit(np.log(sizes), np.log(half), 1)[0])
    yield Claim("its slope over the number of survivors, [0, ∞)", "−½", f"{slope:+.2f}", abs(slope + 0.5), 0.06,
                "the spread of the draws")  # fmt: skip
    for cell in by_share:
        better = sum(one[0] > one[1] for one in cell["explained"])
        yield Claim(f"real scores, {100 * cell['share']:.0f} % kept: censored better than least squares on survivors",
                    "8 of 10 classes or more", f"{better} of 10", 8.0 - better, 0.0, "asked for")  # fmt: skip
    for name, ratios in (("Gaussian noise", gaussian[0.5]), ("real scores", by_share[-2]["ratios"])):
        share = _within(ratios)
        yield Claim(f"counts of single classes before the filter, half kept, {name}: within a factor of two",
                    "all, were it to be offered", f"{100 * share:.0f} %", 1 - share, 0.0, "none may fail")  # fmt: skip


def study(quick: bool = False, seed: int = 0) -> Study:
    """Rates, real scores and counts."""
    by_size = rates(SIZES[:2] if quick else SIZES, 6 if quick else 20, seed)
    by_share = list(real(SHARES[1:] if quick else SHARES, seed + 7))
    gaussian = {share: simulated_counts(share, seed) for share in ((0.5,) if quick else SHARES)}
    rows = [
        (cell["set"], f"{cell['size']:,}", *(f"{one:.3f}" if np.isfinite(one) else "–" for one in cell["errors"]),
         str(cell["refused"])) for cell in by_size
    ]  # fmt: skip
    scores_table: list[tuple[str, ...]] = []
    for cell in by_share:
        ours, plain, imputed = (f"{one:.3f}" for one in np.median(cell["explained"], axis=0))
        scores_table.append((f"{100 * cell['share']:.0f} %", plain, imputed, ours, f"{cell['refused']} of 10"))
    counts = [
        (name, f"{100 * share:.0f} %", f"{np.median(found):.2f}",
         f"{np.quantile(found, 0.1):.2f} … {np.quantile(found, 0.9):.2f}", f"{100 * _within(found):.0f} %")
        for name, cells in (("Gaussian noise", gaussian), ("real scores", {c["share"]: c["ratios"] for c in by_share}))
        for share, found in cells.items()
    ]  # fmt: skip
    points = [{"set": c["set"], "survivors": c["size"], "error": c["errors"][0], "fit": "truncated"} for c in by_size]
    points += [{"set": c["set"], "survivors": c["size"], "error": c["errors"][3], "fit": "least squares"}
               for c in by_size]  # fmt: skip
    points = [one for one in points if np.isfinite(one["error"])]
    lines = alt.Chart(alt.Data(values=points)).mark_line(point=True)
    log = alt.Scale(type="log")
    chart = alt.LayerChart(
        layer=[lines.encode(x=alt.X("survivors:Q", scale=log), y=alt.Y("error:Q", scale=log),
                            color=alt.Color("set:N", title="survival set"), strokeDash="fit:N")],
        width=440, height=260,
    ).properties(title="Error of the slopes over the number of survivors")  # fmt: skip
    return Study(
        list(_claims(by_size, by_share, gaussian)),
        {"rates": chart},
        {"rates": by_size, "real": by_share, "gaussian": list(gaussian.values())},
        {
            "rates": markdown(_RATES, rows),
            "scores": markdown(_SCORES, scores_table),
            "counts": markdown(_COUNTS, counts),
        },
    )


if __name__ == "__main__":
    main("truncation", study)
