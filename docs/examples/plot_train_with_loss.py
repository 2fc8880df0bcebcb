"""
Train with the loss that was forecast
=====================================

``ClassLoss`` is a forecast's loss as a PyTorch module, in the place of ``CrossEntropyLoss``. Here it trains a small
network on scikit-learn's digits, cut to counts from 100 to 5: three losses, two fixed heads and a sampler in one loop.
"""

import altair as alt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import penultimate as pen

counts = pen.ClassCounts.long_tailed(10, largest=100, ratio=20)
images, digits = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
shuffled = [rng.permutation(np.flatnonzero(digits == k)) for k in range(10)]
train = torch.tensor(np.concatenate([own[: int(n)] for own, n in zip(shuffled, counts.values, strict=True)]))
test = torch.tensor(np.concatenate([own[int(n) :] for own, n in zip(shuffled, counts.values, strict=True)]))
inputs, labels = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(digits)

# %%
# The decay of the head is what a forecast is about, and every class keeps its direction at this one:

decay = 5e-3
print(pen.forecast(counts, loss="ce", weight_decay=decay, feature_ratio=1).verdict)

# %%
# One loop. Head and backbone have their own decays, and biases have none: the forecast's bias is free.


def recalls(loss, head=None, power=1.0, seed=0):
    torch.manual_seed(seed)
    head = nn.Linear(64, 10) if head is None else head
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), head)
    sampler = pen.torch.ClassSampler(labels[train], power, seed=seed)
    criterion = pen.torch.ClassLoss(loss, counts)
    groups = pen.torch.parameter_groups(model, head, weight_decay=5e-4, head_weight_decay=decay)
    optimiser = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    for _ in range(40):
        for batch in train[list(sampler)].split(64):
            optimiser.zero_grad()
            criterion(model(inputs[batch]), labels[batch]).backward()
            optimiser.step()
    with torch.no_grad():
        answers = model(inputs[test]).argmax(1)
    return [(answers[labels[test] == k] == k).float().mean().item() for k in range(10)]


# %%
# A balanced test set would weigh every class alike; so does the mean of the recalls.

wished = pen.forecast(counts, loss="ce", feature_ratio=1)
ways = {
    "cross-entropy": recalls("ce"),
    "logit adjustment": recalls("la:1"),
    "weights 1/n": recalls("weighted:inverse"),
    "fixed simplex ETF": recalls("ce", pen.torch.FixedHead.etf(10, 64, scale=5.0)),
    "head of the forecast": recalls("ce", pen.torch.FixedHead.from_forecast(wished, 64)),
    "square-root sampling": recalls("ce", power=0.5),
}
for way, found in ways.items():
    print(f"{way:22} balanced accuracy {np.mean(found):.3f}, three rarest classes {np.mean(found[-3:]):.3f}")

# %%
# One split and one seed, so differences of a point or two mean nothing. In the tail they are larger.

rows = [
    {"way": way, "class": f"{n:g}", "recall": recall}
    for way, found in ways.items()
    for n, recall in zip(counts.values, found, strict=True)
]
recall_chart = (
    alt.Chart(alt.Data(values=rows), title="Recall on held-out digits, class by class")
    .mark_line(point=True)
    .encode(
        x=alt.X("class:N", sort=None, title="training samples of the class"),
        y=alt.Y("recall:Q", scale=alt.Scale(zero=False)),
        color=alt.Color("way:N", sort=list(ways), title="trained with"),
    )
    .properties(width=420, height=260)
)
