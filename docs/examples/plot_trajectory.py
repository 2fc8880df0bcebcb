"""
One number per direction while a network trains
===============================================

The timeline is a law for free features. A network shares its weights between all samples, so it is faster, by a factor
that only training tells, and it need not follow the law's curves. By and large the order survives: frequent
classes first. A ``FeatureMonitor`` measures the strength of every direction, here of a perceptron with squared error.
"""

import torch
from torch import nn

import penultimate as pen

counts = pen.ClassCounts([400, 183, 84, 38, 17, 8])
decay, rate = 5e-3, 0.02
forecast = pen.forecast(counts, weight_decay=decay, feature_ratio=1)

torch.manual_seed(0)
labels = torch.arange(6).repeat_interleave(torch.tensor([400, 183, 84, 38, 17, 8]))
inputs = 2.0 * torch.randn(6, 20)[labels] + torch.randn(len(labels), 20)
targets = nn.functional.one_hot(labels, 6).float()
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 6))

# %%
# The monitor is told the head, which it reads whenever figures are computed, and the forecast, whose directions it
# measures.

monitor = pen.torch.FeatureMonitor(6, 64, head=model[4], forecast=forecast)
trajectory = pen.torch.Trajectory(forecast)
optimiser = torch.optim.SGD(model.parameters(), lr=rate, weight_decay=decay)
looks = {round(1.6**power) for power in range(15)}

with pen.torch.Tap(model[4]) as tap:
    for step in range(1, max(looks) + 1):
        loss = 0.5 * (model(inputs) - targets).square().sum(dim=1).mean()
        if step in looks:
            monitor.update(tap.take(), labels)
            trajectory.add(step, monitor.compute())
            monitor.reset()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

trajectory_chart = trajectory.plot(lr=rate)

# %%
# The steps at which each direction has half of its last strength, and what the timeline says in its own clock:

timeline = forecast.timeline(lr=rate)
print(f"{trajectory.clock(timeline):.0f} steps of the timeline in one of training")
for index, (ours, theirs) in enumerate(zip(trajectory.learnt_at, timeline.learnt_at, strict=True), start=1):
    print(f"direction {index}: step {ours:6.0f}, timeline {theirs:8.0f}")
