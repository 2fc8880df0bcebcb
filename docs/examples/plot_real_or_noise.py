"""
Real or noise: which classes a network has learnt, and since when
=================================================================

The mean of a rare class's features is off by noise. Are two such means apart because the network knows the class, or
because forty samples scatter? A ``FeatureMonitor`` with ``keep_means=True`` keeps class means of every look, and sums
of residuals from which noise is made again with random signs. Here the class is which pairs of numbers have one sign,
so that no class has a mean of its own before it is learnt. Late in training, weight decay becomes strong.
"""

import torch
from torch import nn

import penultimate as pen

counts = pen.ClassCounts([600, 300, 150, 75])
decay, late = 6e-2, 500
torch.manual_seed(0)


def drawn(share):
    """Some samples in the proportions of the counts: two pairs, each of one sign or of two, among other numbers."""
    labels = torch.arange(4).repeat_interleave((torch.tensor(counts.values) * share).long())
    inputs = torch.randn(len(labels), 12)
    for pair in (0, 1):
        one_sign = 1.0 - 2.0 * ((labels >> pair) & 1)
        inputs[:, 2 * pair + 1] = inputs[:, 2 * pair + 1].abs() * inputs[:, 2 * pair].sign() * one_sign
    return inputs, labels


inputs, labels = drawn(1.0)
others, their_labels = drawn(0.5)  # samples that the network has not seen: was a class learnt, not memorised?
model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 4))
optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
forecast = pen.forecast(counts, weight_decay=decay)

# %%
# Every look is of the same samples in the same order, so that their noise can be followed.

monitor = pen.torch.FeatureMonitor(4, 48, head=model[4], forecast=forecast, keep_means=True)
trajectory = pen.torch.Trajectory(forecast)
looks = {round(1.6**power) for power in range(14)} | {700, 1000, 1400}

for step in range(1, max(looks) + 1):
    if step == late:
        optimiser.param_groups[0]["weight_decay"] = decay
    if step in looks:
        with torch.no_grad():
            monitor.update(model[:4](others), their_labels)
        trajectory.add(step, monitor.compute(), monitor.means())
        monitor.reset()
    batch = torch.randint(0, len(labels), (128,))
    loss = nn.functional.cross_entropy(model(inputs[batch]), labels[batch])
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()

found = trajectory.directions()
standings_chart = found.plot()

# %%
# The same in words. Every class has its p, the steps at which its direction was born and died, and its strength.

print(found.verdict)
for one in found.classes:
    print(f"{one.name}: {one.standing.value}, p = {one.p:.3f}, from step {one.born_at} to {one.died_at or 'the end'}")

# %%
# Directions of the labels belong to all classes at once; the free test asks for any direction at all.

for one in found.labels:
    print(f"{one.name}: from step {one.born_at} to {one.died_at or 'the end'}, known to cos {one.alignment:.2f}")
print(f"a shared direction, whatever the labels say: p = {trajectory.shared().p:.3f}")
