"""
The singular values lie between the counts
==========================================

With a free bias, the squared singular values of the label matrix interlace with the class counts: exactly one in each
gap between neighbouring distinct counts, and each count that several classes share is a singular value itself. So the
counts alone tell nearly where every direction stands, before anything is computed.
"""

import altair as alt
import numpy as np

import penultimate as pen

counts = pen.ClassCounts([500, 500, 500, 210, 120, 115, 60, 33, 33, 20, 12, 8])
spectrum = pen.LabelSpectrum(counts)
for sigma, copies in zip(spectrum.sigma, spectrum.multiplicity, strict=True):
    print(f"σ² = {sigma**2:8.3f}   {copies} direction{'s' if copies > 1 else ''}")

# %%
# A first estimate, and how good it is
# ------------------------------------
# Inside a gap, keep only the two counts c > c' that bound it (s and s' classes have them). What is left of the
# secular equation is linear: ``σ² ≈ c c' (s + s') / (s c + s' c')``, a weighted harmonic mean. With two distinct
# counts in all it is exact; otherwise the other counts push the value a little, up or down.

c, s = counts.distinct, counts.multiplicity
estimate = c[:-1] * c[1:] * (s[:-1] + s[1:]) / (s[:-1] * c[:-1] + s[1:] * c[1:])
exact = spectrum.sigma[spectrum.mixed_index] ** 2  # the values in the gaps; the others are counts

for upper, lower, value, guess in zip(c[:-1], c[1:], exact, estimate, strict=True):
    print(f"{upper:4.0f} > {value:7.2f} > {lower:4.0f}   estimate {guess:7.2f}   off by {guess / value - 1:+.1%}")

rows = [{"value": value, "kind": "distinct counts"} for value in c]
rows += [{"value": value, "kind": "σ² in the gaps"} for value in exact]
rows += [{"value": value, "kind": "two-pole estimate"} for value in estimate]
kinds = ["distinct counts", "σ² in the gaps", "two-pole estimate"]
ticks = (
    alt.Chart(alt.Data(values=rows))
    .mark_tick(thickness=3, size=26)
    .encode(
        x=alt.X("value:Q", scale=alt.Scale(type="log", domain=[7, 600], nice=False), title="samples, or σ²"),
        y=alt.Y("kind:N", sort=kinds, title=None),
        color=alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=["#555555", "#2a6f97", "#c1553b"]), legend=None),
    )
)
grid = (
    alt.Chart(alt.Data(values=[{"value": value} for value in c]))
    .mark_rule(strokeDash=[2, 3], color="#bbb")
    .encode(x="value:Q")
)
interlacing = (grid + ticks).properties(width=600, height=130, title="One σ² in each gap between the counts")

# %%
# Counting without solving
# ------------------------
# How many directions survive a threshold needs no singular value at all: the sign of one sum over the counts decides
# (Sylvester's law of inertia). It agrees with the sorted values at every threshold:

thresholds = np.linspace(1, 23, 500)
all_values = np.repeat(spectrum.sigma, spectrum.multiplicity)
assert all(spectrum.count_above(float(t)) == int((all_values > t).sum()) for t in thresholds)
print("count_above agrees with the singular values at", thresholds.size, "thresholds")
