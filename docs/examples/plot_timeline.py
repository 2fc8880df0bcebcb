"""
Frequent first, rare later: when each direction is learnt
=========================================================

Under gradient flow from a small balanced start, every direction grows along its own logistic curve. Its rate is
proportional to what is left of its singular value after the threshold, so the tail is not only weaker at the end of
training, it is also *later*: stop early and a class with few samples may not have been learnt at all.
"""

import altair as alt

import penultimate as pen

counts = pen.datasets.counts("cifar10-lt")
forecast = pen.forecast(counts, weight_decay=5e-3, feature_ratio=1)
timeline = forecast.timeline(lr=0.1, momentum=0.9, steps=10_000, points=300)
print(timeline.note)

# %%
# Ten classes have nine directions. The dots mark where each has half of its final strength.

final = forecast.solution.strength
rows = [
    {"step": step, "share": share, "direction": number}
    for step, strengths in zip(timeline.steps.tolist(), timeline.strength, strict=True)
    for number, share in enumerate((strengths / final).tolist(), start=1)
]
halves = [{"step": step, "share": 0.5, "direction": i} for i, step in enumerate(timeline.learnt_at.tolist(), start=1)]
encoding = {
    "x": alt.X("step:Q", title="step of SGD (lr 0.1, momentum 0.9)"),
    "y": alt.Y("share:Q", title="share of the final strength"),
    "color": alt.Color("direction:O", scale=alt.Scale(scheme="viridis"), title="direction"),
}
curves = alt.Chart(alt.Data(values=rows)).mark_line(clip=True).encode(**encoding)
dots = alt.Chart(alt.Data(values=halves)).mark_circle(size=55).encode(**encoding)
timeline_chart = (curves + dots).properties(width=560, height=300, title="CIFAR-10-LT: when each direction is learnt")

# %%
# The order is the reliable part. Times go roughly as 1/(σ − threshold), here spread over a factor of seven:

for number, (sigma, step) in enumerate(zip(forecast.solution.sigma, timeline.learnt_at, strict=True), start=1):
    print(f"direction {number}: σ = {sigma:5.1f}, half learnt at step {step:5.0f}")
