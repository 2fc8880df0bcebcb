"""
Which classes of LVIS keep a direction?
=======================================

LVIS v1 has 1,203 categories, the largest with 1,977 training images, 71 of them with a single one. How many can a
network's last layer tell apart? That depends on the weight decay and, before training, on a number nobody knows yet:
the ratio ``c`` between what the features and what the weights cost. By default a forecast takes what other trained
networks say of it; here it is given, to see what depends on it.
"""

import altair as alt
import numpy as np

import penultimate as pen

counts = pen.datasets.counts("lvis")
print(counts)

# %%
# One forecast
# ------------
# A decay of 0.01 (for half the squared error, summed over classes) with ``c = 1``:

forecast = pen.forecast(counts, weight_decay=1e-2, feature_ratio=1)
print(forecast.verdict)

# %%
# All weight decays
# -----------------
# A forecast is quick, so we simply ask again and again. Between "every class has its own direction" and
# "half of them are lost" lies a factor of six in the weight decay.

decays = np.geomspace(5e-4, 1e-1, 30).tolist()
forecasts = {decay: pen.forecast(counts, weight_decay=decay, feature_ratio=1) for decay in decays}
rows = [
    {"decay": decay, "status": status, "classes": at.classes_with(status)}
    for decay, at in forecasts.items()
    for status in ("own", "shared", "lost")
]
statuses = (
    alt.Chart(alt.Data(values=rows))
    .mark_area()
    .encode(
        x=alt.X("decay:Q", scale=alt.Scale(type="log", nice=False), title="weight decay λ"),
        y=alt.Y("classes:Q", title="classes", scale=alt.Scale(domain=[0, counts.classes], nice=False)),
        color=alt.Color(
            "status:N",
            title="direction",
            scale=alt.Scale(domain=["own", "shared", "lost"], range=["#2a6f97", "#e9c46a", "#c1553b"]),
        ),
    )
    .properties(width=560, height=280, title="LVIS: classes that keep a direction of their own, c = 1")
)

# %%
# The same question for other values of c
# ---------------------------------------
# A single curve would be a false certainty. ``Forecast.by_ratio`` has the answer for several values of ``c``; here the
# samples that a class needs are drawn for each of them. They grow in proportion to ``c`` and to the square of the
# weight decay: ``N c λ²``. Where a curve crosses the dashed line, it asks for more samples than the largest class has.

rows = [
    {"decay": decay, "c": f"{row.ratio:g}", "samples": row.samples_needed}
    for decay, at in forecasts.items()
    for row in at.by_ratio
]
lines = (
    alt.Chart(alt.Data(values=rows))
    .mark_line(clip=True)
    .encode(
        x=alt.X("decay:Q", scale=alt.Scale(type="log", nice=False), title="weight decay λ"),
        y=alt.Y(
            "samples:Q",
            scale=alt.Scale(type="log", domain=[0.5, 10_000], nice=False),
            title="samples a class needs",
        ),
        color=alt.Color("c:N", sort=["100", "10", "1", "0.1", "0.01"], scale=alt.Scale(scheme="viridis")),
    )
)
largest = alt.Chart(alt.Data(values=[{"samples": counts.largest}])).mark_rule(strokeDash=[5, 4]).encode(y="samples:Q")
needed = (lines + largest).properties(width=560, height=280, title="LVIS: samples a class needs, by the ratio c")
