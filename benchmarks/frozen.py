"""Features of frozen encoders: the head of this package beside what others do, all tuned on the same VALID.

    python -m benchmarks.frozen [--quick] [--seed N]

Every pair of a set and an encoder is split five times into TRAIN, VALID and a test part. Every method learns from
TRAIN, chooses all it has to choose on VALID (rivals over the grids of `benchmarks.frozen_rivals`), is then fitted to
both with what was chosen, and is judged on the test part. Heads and settings of this package were chosen with the pairs
of `CHOSEN_ON`; those of `JUDGED_ON` took no part in that. Intervals are of paired differences over the splits. What is
interrupted goes on where it was.
"""

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import numpy as np
from sklearn.metrics import recall_score
from threadpoolctl import threadpool_limits

import penultimate as pen
from benchmarks.frozen_rivals import RIVALS, Tuned, tuned
from benchmarks.frozen_sets import CHOSEN_ON, JUDGED_ON, QUICK, Pair, Split, split
from benchmarks.frozen_tables import ANY, LINEAR, PLAIN, claims, gains_chart, tables
from benchmarks.long_tail import thirds
from penultimate.files import write_whole
from penultimate.heads.comparison.plain import plain_decay, plain_head
from penultimate.heads.comparison.scoring import BINS, Answers, Scorer
from studies.kept import SCRATCH
from studies.results import Study, main
from studies.training import WORKERS

# Raise the one whose results change: kept runs are then made anew.
PROTOCOL = {"rivals": 2, "ours": 3}
# Of the error that chance alone shows; and the least that a bin of one heavy sample is divided by.
_DRAWS, _FREEDOM = 200, 0.3
# Splits of what is judged, and of what heads were chosen with.
SPLITS, FEWER = 5, 2
PAIRS = {**CHOSEN_ON, **JUDGED_ON, **QUICK}
_QUICK_RIVALS = ("logistic regression − τ log π", "LDA, shrinkage auto")

Made = Callable[[Split, int, int], Tuned]


def _plain(parts: Split, classes: int, seed: int) -> Tuned:
    both = parts.train.joined(parts.valid)
    return Tuned("", plain_head(both, classes, plain_decay(both, classes, seed)).logits)


def _ours(parts: Split, classes: int, seed: int, *, linear: bool) -> Tuned:
    head = pen.heads.BestHead(linear=linear, random_state=seed).fit(*parts.train, valid=parts.valid)
    return Tuned("", lambda rows: np.log(np.maximum(head.predict_proba(rows), 1e-30)))


def ours() -> dict[str, Made]:
    """What this package hands out, and plain cross-entropy, by name."""
    return {
        PLAIN: _plain,
        LINEAR: lambda *given: _ours(*given, linear=True),
        ANY: lambda *given: _ours(*given, linear=False),
    }


def rivals(classes: int, width: int, quick: bool) -> dict[str, Made]:
    """What others do, as far as it is tried with so many classes and features."""
    return {
        name: lambda parts, classes, seed, rival=rival: tuned(rival, parts.train, parts.valid, classes, seed)
        for name, rival in RIVALS.items()
        if rival.affordable(classes, width) and (not quick or name in _QUICK_RIVALS)
    }


def judged(parts: Split, made: Made, classes: int, seed: int) -> dict[str, Any]:
    """Figures of one method on the test part, the setting it chose, how good that was on VALID, and its seconds."""
    started = time.process_time()  # of one core, however busy the machine is
    setting, scores, valid = made(parts, classes, seed)
    seconds = time.process_time() - started
    counts = pen.ClassCounts(np.bincount(parts.train.labels, minlength=classes))
    scorer, answers = Scorer(parts.test.labels, thirds(counts)), Answers.empty(1, len(parts.test.labels))
    found = scores(parts.test.features)
    answers.note_scores(0, np.arange(len(found)), found, parts.test.labels)
    recalls = np.sort(recall_score(parts.test.labels, found.argmax(axis=1), average=None, zero_division=0.0))
    figures = {**scorer.figures(answers), "worst": float(recalls[: max(classes // 3, 1)].mean())}
    figures |= calibration(scorer, answers)
    figures |= {"seconds": seconds, "setting": setting}
    return figures if valid is None else {**figures, "valid": valid}


def calibration(scorer: Scorer, answers: Answers) -> dict[str, float]:
    """The squared calibration error without bias, and the error that perfectly calibrated probabilities would show.

    Gaps between accuracy and confidence in bins of a few samples are mostly chance, and the plain error adds up their
    sizes. What chance adds to their *squares* is known, and is taken off (Kumar, Liang and Ma 2019, arXiv 1909.10155;
    here with weights). The result may be negative; averages over splits and pairs are what counts.
    """
    confidence, weights = answers.confidence[0].astype(np.float64), scorer.weights
    surplus = (answers.predicted[0] == scorer.labels) - confidence
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    share, gap, squares = (np.bincount(bins, w, BINS) for w in (weights, weights * surplus, weights**2))
    used = share > 0
    mean = np.divide(gap, share, out=np.zeros(BINS), where=used)
    # The variance of a weighted mean about the unknown one, from residuals about that which was found.
    freedom = np.maximum(1.0 - np.divide(squares, share**2, out=np.zeros(BINS), where=used), _FREEDOM)
    chance = np.bincount(bins, (weights * (surplus - mean[bins])) ** 2, BINS) / freedom
    draws = np.random.default_rng(0).random((_DRAWS, len(confidence))) < confidence
    shown = [np.abs(np.bincount(bins, weights * (drawn - confidence), BINS)).sum() for drawn in draws]
    square = float(((gap**2 - chance)[used] / share[used]).sum())
    return {"calibration_square": square, "calibration_chance": float(np.mean(shown))}


def run(name: str, seed: int, quick: bool = False) -> dict[str, Any]:
    """All methods on one split of one pair, or what an earlier call found."""
    pair = PAIRS[name]
    pool = pair.load(name)
    parts, classes = split(pool, pair.ratio, seed), int(pool.labels.max()) + 1
    counts = np.bincount(parts.train.labels, minlength=classes).tolist()
    record: dict[str, Any] = {"counts": counts, "valid": len(parts.valid.labels), "test": len(parts.test.labels)}
    record |= {"width": pool.features.shape[1], "natural": pair.ratio is None, "raw": pair.raw, "methods": {}}
    families = {"ours": ours(), "rivals": rivals(classes, pool.features.shape[1], quick)}
    for family, methods in families.items():
        path = SCRATCH / f"frozen-{family}-{PROTOCOL[family]}-{_file(name)}-{seed}{'-quick' * quick}.json"
        if not path.exists():
            with threadpool_limits(1):
                found = {method: judged(parts, made, classes, seed) for method, made in methods.items()}
            SCRATCH.mkdir(exist_ok=True)
            write_whole(path, json.dumps(found))
        record["methods"] |= json.loads(path.read_text(encoding="utf-8"))
    return record


def _file(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def collect(pairs: dict[str, Pair], seeds: range, quick: bool) -> dict[str, Any]:
    """Figures of every method by pair, one value a split; pairs that cannot be had are left out, and said."""
    missing = {name: pair.package for name, pair in pairs.items() if not pair.needs()}
    for name, package in missing.items():
        print(f"{name}: {package} is not installed; left out", file=sys.stderr)
    wanted = [(name, seed) for name in pairs if name not in missing for seed in seeds]
    for name in dict.fromkeys(name for name, _ in wanted):
        pairs[name].load(name)  # encoded once, before processes ask for it
    if not quick:
        _run_all(wanted)
    facts: dict[str, Any] = {}
    for name, seed in wanted:
        record = run(name, seed, quick)
        methods = record.pop("methods")
        held = facts.setdefault(name, {**record, "chosen on": name in CHOSEN_ON, "methods": {}})
        for method, figures in methods.items():
            lists = held["methods"].setdefault(method, {})
            for figure, value in figures.items():
                # To six digits, as the file has them: which of two is larger is then the same there.
                lists.setdefault(figure, []).append(value if figure == "setting" else float(f"{value:.6g}"))
    return facts


def _run_all(wanted: list[tuple[str, int]]) -> None:
    started = time.perf_counter()
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        runs = [pool.submit(run, name, seed) for name, seed in wanted]
        for done, finished in enumerate(as_completed(runs), start=1):
            finished.result()
            print(f"\r{done} of {len(wanted)} runs, {time.perf_counter() - started:.0f} s", end="", file=sys.stderr)
    print(file=sys.stderr)


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything, and judge what is handed out."""
    facts: dict[str, Any] = {"grids": {name: rival.grid for name, rival in RIVALS.items()}, "sets": {}}
    for pairs, number in ((QUICK, FEWER),) if quick else ((JUDGED_ON, SPLITS), (CHOSEN_ON, FEWER)):
        facts["sets"] |= collect(pairs, range(seed, seed + number), quick)
    return Study(claims(facts), {"gains": gains_chart(facts)}, facts, tables(facts))


if __name__ == "__main__":
    main("frozen", study, "benchmarks")
