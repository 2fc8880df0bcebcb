"""
What do weighted and adjusted losses do to the tail?
====================================================

Five losses for the same long-tailed counts at the same weight decay, each minimised to a proof. Weights save directions
of the tail and can go too far; logit adjustment leaves the trained geometry as it is. Features and weights cost alike
here (``feature_ratio=1``).
"""

import altair as alt
import numpy as np

import penultimate as pen

counts = pen.ClassCounts.long_tailed(20, largest=2000, ratio=100)
losses = ["ce", "la:1", "weighted:inverse", "weighted:effective:0.999", "cdt:0.3"]

# %%
# At a moderate decay
# -------------------
# All classes keep their directions with most losses. Margins differ: plain cross-entropy leaves the tail less, weights
# of 1/n turn that round.

moderate = pen.compare_losses(counts, losses, weight_decay=2e-2, feature_ratio=1)
print(moderate.verdict)
margins = moderate.plot("margins")

# %%
# Every one of these is proven to be a minimum, to a hundred-millionth of its objective:

for name, forecast in moderate.forecasts.items():
    print(f"{name:26s} {forecast.solution.certificate.relative_gap:.0e}")

# %%
# Where directions die
# --------------------
# A class survives when its dot lies above the line of its loss. Weights and temperatures tilt the line, in opposite
# senses.

large = pen.compare_losses(counts, losses, weight_decay=0.15, feature_ratio=1)
print(large.verdict)
needed = large.plot("needed")

# %%
# Over all weight decays
# ----------------------
# How many of the 19 directions are left. Cross-entropy (and logit adjustment with it) follows squared error closely,
# weights of 1/n hold out longest, temperatures give up first.

decays = np.geomspace(2e-3, 2.0, 40)
rows = [
    {"loss": name, "decay": decay, "survivors": int(alive)}
    for name in ("mse", "ce", "weighted:inverse", "cdt:0.3")
    for decay, alive in zip(
        decays.tolist(),
        [pen.forecast(counts, float(decay), feature_ratio=1).survivors for decay in decays]
        if name == "mse"
        else pen.solution_path(counts, pen.Problem.from_decays(loss=name), decays).survivors,
        strict=True,
    )
]
survivors = (
    alt.Chart(alt.Data(values=rows))
    .mark_line(interpolate="step-after")
    .encode(
        x=alt.X("decay:Q", scale=alt.Scale(type="log", nice=False), title="weight decay λ"),
        y=alt.Y("survivors:Q", title="directions alive"),
        color=alt.Color("loss:N", sort=["mse", "ce", "weighted:inverse", "cdt:0.3"]),
        strokeDash="loss:N",
    )
    .properties(width=560, height=280, title="Directions that survive, by loss")
)
