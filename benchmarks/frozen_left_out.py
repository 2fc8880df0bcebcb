"""What was tried for frozen encoders and left out: one kind of head more, on the sets that heads are chosen with.

    python -m benchmarks.frozen_left_out [--quick] [--seed N]

LORT re-trains with targets of one large value and a small one for all other classes. Names of classes, encoded as the
texts are, may stand for the means of their classes, or draw them. Each is added to the kinds that `pen.heads.BestHead`
tries, and the blend is judged with it and without.
"""

import json
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from threadpoolctl import threadpool_limits

import penultimate as pen
from benchmarks.frozen_sets import CHOSEN_ON, FEWEST, QUICK, sections, split
from benchmarks.frozen_tables import BALANCED, FIGURES
from benchmarks.long_tail import figures, thirds
from benchmarks.long_tail_tables import Mean
from penultimate.features.sources.in_memory import Samples
from penultimate.files import write_whole
from penultimate.heads.comparison.candidates import Candidate, candidates
from penultimate.heads.comparison.frozen import frozen_training
from penultimate.heads.comparison.plain import plain_decay
from penultimate.heads.comparison.scoring import Scorer
from penultimate.heads.comparison.selection import Tried
from penultimate.heads.softmax import descend
from studies import zoo_data
from studies.kept import SCRATCH
from studies.results import Claim, Study, main

# Raise it with every change that changes a result: kept runs are then made anew.
PROTOCOL = 1
SPLITS = 2
# LORT: what of a target is spread over all classes (0.98 and 0.99 are its authors'), and weight decays.
_SPREAD, _DECAYS = (0.9, 0.98), (1e-1, 1e-3, 1e-5)
# Shrinkage of the covariance, and as how many samples of its class a name counts.
_SHRUNK, _WORTH = (0.9, 0.5, 0.1), (1.0, 3.0, 10.0, 30.0)
_ITERATIONS = 500

# By pair, of every split: figures of the blend with each kind more, and as it is, under an empty name.
Facts = Mapping[str, list[dict[str, dict[str, float]]]]


def lort(spread: float, decay: float, train: Samples, classes: int) -> pen.Head:
    """Softmax regression to targets ``(1 − δ) e_y + δ/K`` (Lu et al. 2024, arXiv 2403.00250)."""
    centre = train.features.mean(axis=0)
    rows = train.features - centre
    scale = float(np.sqrt(np.mean(np.square(rows))))
    rows = np.column_stack([rows / scale, np.ones(len(rows))]).astype(np.float32)
    targets = (1.0 - spread) * np.eye(classes, dtype=np.float32)[train.labels] + np.float32(spread / classes)
    # Scores are small where targets are nearly flat, and with them what the decay has to hold back.
    decays = decay * (1.0 - spread) * np.append(np.ones(rows.shape[1] - 1), 0.0)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weight = flat.reshape(classes, -1)
        scores = rows @ weight.T.astype(np.float32)
        scores -= scores.max(axis=1, keepdims=True)
        sums = np.log(np.exp(scores).sum(axis=1, keepdims=True))
        loss = float(np.mean((sums[:, 0] - (targets * scores).sum(axis=1)).astype(np.float64)))
        slope = (np.exp(scores - sums) - targets).T @ rows / len(rows) + decays * weight
        return loss + 0.5 * float(np.sum(decays * weight**2)), slope.astype(np.float64).ravel()

    found = descend(objective, np.zeros(classes * rows.shape[1]), _ITERATIONS, 1e-6)[0].reshape(classes, -1)
    weight = found[:, :-1] / scale
    return pen.Head((weight,), found[:, -1] - weight @ centre)


def by_names(worth: float, shrinkage: float, train: Samples, named: np.ndarray) -> pen.Head:
    """Gaussian classes whose means are drawn to their names, as by so many samples; by infinitely many they are these.

    Names are moved and scaled as a whole, so that they lie about the means of all classes and as far from one another.
    """
    statistics = pen.FeatureStatistics.from_features(*train, len(named))
    centre = statistics.means.mean(axis=0)
    means, told = statistics.means - centre, named - named.mean(axis=0)
    told *= np.sqrt(np.sum(means**2) / np.sum(told**2))
    share = statistics.counts / (statistics.counts + worth) if np.isfinite(worth) else np.zeros(len(named))
    means = share[:, None] * means + (1.0 - share)[:, None] * told
    within = statistics.within_scatter / statistics.samples
    spread = np.trace(within) / len(within)
    weight = means @ np.linalg.inv((1.0 - shrinkage) * within + shrinkage * spread * np.eye(len(within)))
    return pen.Head((weight,), -weight @ centre - 0.5 * np.sum(weight * means, axis=1))


def _grid(name: str, settings: list[tuple[float, float]], made: Callable[..., pen.Head]) -> Candidate:
    places = tuple(map(float, range(len(settings))))
    return Candidate(name, "", "", places, lambda place, _: made(*settings[int(place)]))


def added(train: Samples, classes: int, named: np.ndarray | None) -> Iterator[Candidate]:
    """What is tried beside all other kinds."""
    yield _grid("LORT", [(d, w) for d in _SPREAD for w in _DECAYS], lambda d, w: lort(d, w, train, classes))
    if named is not None:
        alone = [(np.inf, share) for share in _SHRUNK]
        drawn = [(worth, share) for worth in _WORTH for share in _SHRUNK[1:]]
        yield _grid("class names as means", alone, lambda *given: by_names(*given, train, named))
        yield _grid("means drawn to class names", drawn, lambda *given: by_names(*given, train, named))


def class_names(pair: str) -> list[str]:
    """Names of the classes of a set of texts: Debian's of sections, WordNet's words of hypernyms."""
    if pair == "verbs, WordLlama":
        return zoo_data.verb_hypernyms()
    names, number = np.unique(sections()[1], return_counts=True)
    return names[number >= FEWEST].tolist()


def embedded_names(pair: str) -> np.ndarray | None:
    """Class names by the encoder of the texts; None where there are no texts."""
    encoders = {"Debian sections, MiniLM": zoo_data.sentences, "verbs, WordLlama": zoo_data.averaged}
    return encoders[pair](class_names(pair)).astype(np.float64) if pair in encoders else None


def judged(name: str, seed: int) -> dict[str, dict[str, float]]:
    """Figures of the blend as it is, under an empty name, and with each kind more; or what an earlier call found."""
    path = SCRATCH / f"frozen-left-out-{PROTOCOL}-{name.replace(' ', '-')}-{seed}.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    pair = {**CHOSEN_ON, **QUICK}[name]
    pool = pair.load(name)
    (train, valid, test), classes = split(pool, pair.ratio, seed), int(pool.labels.max()) + 1
    counts = np.bincount(train.labels, minlength=classes).astype(np.float64)
    scorer = Scorer(test.labels, thirds(pen.ClassCounts(counts)))
    with threadpool_limits(1):
        training = frozen_training(train, classes, plain_decay(train, classes, seed))
        kinds = candidates(training, valid)[0]
        found: dict[str, dict[str, float]] = {}
        for more in (None, *added(train, classes, embedded_names(name))):
            tried = Tried([*kinds, *([] if more is None else [more])], valid, counts)
            blend = tried.choose(np.arange(len(valid.labels)), np.random.default_rng(seed))[1]
            found["" if more is None else more.name] = figures(scorer, blend.head, test)
    SCRATCH.mkdir(exist_ok=True)
    write_whole(path, json.dumps(found))
    return found


def study(quick: bool = False, seed: int = 0) -> Study:
    """Judge each kind on every set where it can be tried."""
    pairs, seeds = (QUICK, range(seed, seed + SPLITS)) if quick else (CHOSEN_ON, range(seed, seed + SPLITS))
    facts = {name: [judged(name, one) for one in seeds] for name, pair in pairs.items() if pair.needs()}
    return Study(claims(facts), {}, {"sets": facts})


def claims(facts: Facts) -> list[Claim]:
    """Whether each kind earns its place."""
    kinds = dict.fromkeys(kind for splits in facts.values() for kind in splits[0] if kind)
    return [_claim(kind, figure, facts) for kind in kinds for figure in (BALANCED, "few")]


def _claim(kind: str, figure: str, facts: Facts) -> Claim:
    """What a kind adds, averaged over all splits of all sets."""
    tried = [splits for splits in facts.values() if kind in splits[0]]
    gain = Mean.from_values(np.array([one[kind][figure] - one[""][figure] for splits in tried for one in splits]))
    low, high = (f"{end:+.2f}" for end in (gain.low, gain.high))
    return Claim(
        f"{kind}: {FIGURES[figure]}, {len(tried)} sets",
        "gained for certain",
        f"{gain.mean:+.2f} ({low} … {high}) points",
        -gain.low,
        0.0,
        "the interval above zero",
    )


if __name__ == "__main__":
    main("frozen_left_out", study, "benchmarks")
