"""
A better head on the same features
==================================

A network trained on long-tailed data answers with the large classes too often. Its features know more than its head
says, and a better head costs seconds. Here are features of a small CNN trained with squared error on Fashion-MNIST-LT
(6,000 to 60 samples a class). One half of its test samples is used to learn from; the other half is looked at once, at
the end.
"""

import numpy as np

import penultimate as pen

batches = list(pen.datasets.features("cnn-mse-test").batches())
features = np.concatenate([batch.features for batch in batches])
labels = np.concatenate([batch.labels for batch in batches])
order = np.random.default_rng(0).permutation(len(labels))
valid, unseen = order[:5000], order[5000:]

comparison = pen.compare_heads("cnn-mse", pen.ArraySource(features[valid], labels[valid]))
print(comparison.verdict)

# %%
# Every kind of head has its settings chosen on other samples than it is judged on. Those that only look at training
# samples help; those that learn from held-out samples, where the tail is not collapsed onto its means, help more. The
# blend adds the scores of all, by weights from held-out samples, and is the one to use:

kinds = sorted((comparison.theory, *comparison.results), key=lambda kind: -kind.weight)
for kind in kinds[:4]:
    print(f"{kind.name}: {kind.weight:.2f}")

gains_chart = comparison.plot("gains")

# %%
# How much to adjust depends on the units of the scores. A squared-error head's scores are shares of probability:
# subtracting logarithms from them ruins it at once, dividing by a power of the class shares does not.

curves_chart = comparison.plot("curves")

# %%
# What does it do on samples that had no part in any of this?


def recall(head: pen.Head) -> np.ndarray:
    answers = head.predict(features[unseen])
    return np.array([np.mean(answers[labels[unseen] == k] == k) for k in range(10)])


before, after = recall(pen.datasets.features("cnn-mse").head), recall(comparison.head)
for k, count in enumerate(comparison.counts.values):
    print(f"class {k}: {count:5.0f} training samples, recall {before[k]:.1%} before, {after[k]:.1%} after")
print(f"balanced accuracy {before.mean():.1%} before, {after.mean():.1%} after")

# %%
# Rare classes gain and frequent ones pay: that is the trade. Another prior for the same head takes one argument.
# Here the classes are as frequent as in training again:

statistics = pen.FeatureStatistics.from_features(features[valid], labels[valid])
discriminant = pen.heads.DiscriminantHead().fit_statistics(statistics)
shares = comparison.counts.values / comparison.counts.samples
for prior in ("balanced", shares):
    answers = discriminant.predict(features[unseen], prior=prior)
    print(f"answers with the largest class: {np.mean(answers == 0):.1%}")
