"""What a comparison of heads gains on samples it never saw, and the time of a large one."""

import sys

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import penultimate as pen
from measure import console, once, table
from penultimate.heads.leave_one_out import SHRINKAGES, LeaveOneOut
from penultimate.heads.softmax import log_losses

SPLITS = 20
TAIL = 4
SIZES = ("200", "500", "1000", "2000", "long tail")
NETWORKS = ("cnn-ce", "cnn-mse")
# What a user would do without the tool, with the setting that is best on the same half.
BY_HAND = ("logit adjustment", "τ-normalised")


def arrays(name: str) -> tuple[np.ndarray, np.ndarray]:
    """All features and labels of bundled features."""
    batches = list(pen.datasets.features(name).batches())
    return np.concatenate([b.features for b in batches]), np.concatenate([b.labels for b in batches])


def judged(head: pen.Head, features: np.ndarray, labels: np.ndarray) -> tuple[float, float, float, float]:
    """Balanced accuracy, that of the first and of the last four classes, and log loss."""
    answers = head.predict(features)
    recall = np.array([(answers[labels == k] == k).mean() for k in range(head.classes)])
    loss = float(log_losses(head.logits(features), labels).mean())
    return float(recall.mean()), float(recall[:TAIL].mean()), float(recall[-TAIL:].mean()), loss


def by_hand(
    kind: str, train: pen.FeatureStatistics, present: pen.Head, half: tuple[np.ndarray, np.ndarray]
) -> pen.Head:
    """The head of this kind with the most balanced accuracy on a half."""
    made = pen.heads.LogitAdjustedHead if kind == "logit adjustment" else pen.heads.TauNormalisedHead
    heads = [made(present, tau=tau).fit_statistics(train).head() for tau in np.arange(0.0, 3.01, 0.25)]
    return max(heads, key=lambda head: judged(head, *half)[0])


def corrected(present: pen.Head, counts: np.ndarray, half: tuple[np.ndarray, np.ndarray]) -> pen.Head:
    """The single kind that is mostly the best with so many samples, λ as it comes."""
    base = pen.heads.CalibratedHead(present, counts=counts).fit(*half).head()
    return pen.heads.LogisticHead(1e-2, class_weight="balanced", base=base).fit(*half).head()


def gains(splits: int) -> None:
    """Choose on one half of the test samples, judge on the other; many halves."""
    columns = ("network, head", "balanced", "gain", "2.5 … 97.5 % of halves", "4 largest", "4 rarest", "log loss")
    out = table(f"Chosen on 5,000 test samples, judged on the other 5,000; {splits} halves", *columns)
    for network in NETWORKS:
        features, labels = arrays(f"{network}-test")
        source = pen.datasets.features(network)
        statistics = pen.FeatureStatistics.from_features(*arrays(network))
        found: dict[str, list[tuple[float, float, float, float]]] = {}
        kept = 0
        for seed in range(splits):
            order = np.random.default_rng(seed).permutation(len(labels))
            first, second = order[:5000], order[5000:]
            chosen_on, rest = (features[first], labels[first]), (features[second], labels[second])
            comparison = pen.compare_heads(network, pen.ArraySource(*chosen_on), seed=seed)
            kept += comparison.keeps
            heads = {"present": source.head, "by theory, τ = 1": pen.compare_heads(network).head}
            heads |= {kind: by_hand(kind, statistics, source.head, chosen_on) for kind in BY_HAND}
            heads["corrected on that half"] = corrected(source.head, statistics.counts, chosen_on)
            heads["the blend"] = comparison.blend.head
            for name, head in heads.items():
                found.setdefault(name, []).append(judged(head, *rest))
        for name, figures in found.items():
            table_of = np.array(figures)
            gain = 100 * (table_of[:, 0] - np.array(found["present"])[:, 0])
            low, high = np.quantile(gain, (0.025, 0.975))
            means = table_of.mean(axis=0)
            out.add_row(
                f"{network}, {name}",
                f"{100 * means[0]:.2f} %",
                f"{gain.mean():+.2f}",
                f"{low:+.2f} … {high:+.2f}",
                f"{100 * means[1]:.1f} %",
                f"{100 * means[2]:.1f} %",
                f"{means[3]:.3f}",
            )
        console.print(f"{network}: the blend's gain was not certain {kept} of {splits} times")
    console.print(out)


def by_size(splits: int) -> None:
    """The gain over the number of held-out samples, judged on the same unseen half: of the blend, and where certain."""
    columns = ("network, held out", "the blend", "2.5 … 97.5 %", "where certain", "2.5 … 97.5 %", "kept")
    out = table(f"Learnt from fewer samples; {splits} halves", *columns)
    for network in NETWORKS:
        features, labels = arrays(f"{network}-test")
        present = pen.datasets.features(network).head
        counts = pen.FeatureStatistics.from_features(*arrays(network)).counts
        for size in SIZES:
            gain: dict[str, list[float]] = {"blend": [], "certain": []}
            kept = 0
            for seed in range(splits):
                rng = np.random.default_rng(seed)
                order = rng.permutation(len(labels))
                first, second = order[:5000], order[5000:]
                # "long tail": as imbalanced as the training samples, at least five of a class or so.
                shares = np.maximum(counts / counts.max(), 0.01)
                chosen = first[rng.random(5000) < shares[labels[first]]] if size == "long tail" else first[: int(size)]
                comparison = pen.compare_heads(network, pen.ArraySource(features[chosen], labels[chosen]), seed=seed)
                rest = features[second], labels[second]
                before = judged(present, *rest)[0]
                for name, head in (("blend", comparison.blend.head), ("certain", comparison.head)):
                    gain[name].append(100 * (judged(head or present, *rest)[0] - before))
                kept += comparison.keeps
            row: list[str] = []
            for values in gain.values():
                low, high = np.quantile(values, (0.025, 0.975))
                row += [f"{np.mean(values):+.2f}", f"{low:+.2f} … {high:+.2f}"]
            out.add_row(f"{network}, {size}", *row, str(kept))
    console.print(out)


def large() -> None:
    """Time one comparison of the size that the command promises."""
    samples, held_out, dimension, classes = 100_000, 20_000, 512, 1000
    rng = np.random.default_rng(0)
    shares = np.geomspace(1.0, 0.01, classes)
    labels = np.concatenate([np.arange(classes), rng.choice(classes, samples - classes, p=shares / shares.sum())])
    means = rng.normal(size=(classes, dimension)).astype(np.float32)
    features = means[labels] + rng.normal(size=(samples, dimension), scale=0.5).astype(np.float32)
    others = np.repeat(np.arange(classes), held_out // classes)
    unseen = means[others] + rng.normal(size=(held_out, dimension), scale=7.0).astype(np.float32)
    present = pen.heads.DiscriminantHead(1.0, prior="counts").fit_statistics(
        pen.FeatureStatistics.from_features(features, labels)
    )
    train = pen.ArraySource(features, labels, head=present.head())
    valid = pen.ArraySource(unseen, others)
    out = table("One comparison", "samples × width, classes, held out", "seconds", "bound", "heads", "gain")
    results: list[pen.HeadComparison] = []
    seconds = once(lambda: results.append(pen.compare_heads(train, valid)))
    gain, low, high = results[0].blend.gains["balanced_accuracy"]
    out.add_row(
        f"{samples:,} × {dimension}, {classes:,}, {held_out:,}",
        f"{seconds:.1f}",
        "60",
        str(len(results[0].results)),
        f"{100 * gain:+.2f} ({100 * low:+.2f} … {100 * high:+.2f})",
    )
    console.print(out)
    console.print(f"not tried: {results[0].left_out}")


def frozen() -> None:
    """Time comparisons on features of a frozen encoder, which come without a head."""
    dimension, rng = 384, np.random.default_rng(0)
    counts = np.geomspace(1429, 12, 51)
    counts = np.rint(counts * 11_000 / counts.sum()).astype(int)
    means = 0.25 * rng.normal(size=(len(counts), dimension))

    def drawn(number: np.ndarray) -> pen.ArraySource:
        labels = np.repeat(np.arange(len(number)), number)
        rows = means[labels] + rng.normal(size=(len(labels), dimension))
        return pen.ArraySource(rows.astype(np.float32), labels)

    train, valid = drawn(counts), drawn(np.full(len(counts), 18))
    out = table("A frozen encoder", "samples × width, classes, held out", "heads", "seconds", "bound")
    size = f"{train.samples:,} × {dimension}, {len(counts)}, {valid.samples}"
    for linear, said, bound in ((True, "linear", 60), (False, "of any kind", 120)):
        seconds = once(lambda linear=linear: pen.compare_heads(train, valid, linear=linear))
        out.add_row(size, said, f"{seconds:.1f}", str(bound))
    console.print(out)


def leave_one_out() -> None:
    """Every shrinkage with each sample left out: from one eigendecomposition, by refitting, and by scikit-learn."""
    out = table("Leave-one-out, all shrinkages", "samples × width, classes", "seconds", "refitting", "scikit-learn")
    for samples, width, classes in ((200, 64, 10), (2000, 256, 10), (200, 1024, 10)):
        rng = np.random.default_rng(0)
        labels = np.arange(samples) % classes
        rows = rng.normal(size=(samples, width)) + rng.normal(size=(classes, width))[labels]
        ours = once(lambda rows=rows, labels=labels: LeaveOneOut(rows, labels, "pulled").curve())
        head = pen.heads.DiscriminantHead(0.5)
        peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5)
        # One fit of each, times samples and shrinkages.
        times = len(SHRINKAGES) * samples
        refits = [once(lambda one=one, rows=rows, labels=labels: one.fit(rows[1:], labels[1:])) for one in (head, peer)]
        out.add_row(f"{samples:,} × {width:,}, {classes}", f"{ours:.2f}", *(f"{one * times:,.0f}" for one in refits))
    console.print(out)


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else SPLITS
    leave_one_out()
    large()
    frozen()
    gains(count)
    by_size(count)
