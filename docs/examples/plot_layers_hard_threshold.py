"""
One layer shrinks, several layers cut
=====================================

Weight decay takes something from every direction. With one linear layer each singular value loses the same amount, and
the weak ones fade out: a *soft* threshold. With two or more linear layers a direction is either there, with a good part
of its strength, or gone: a *hard* threshold. Strong directions pay less than under the soft one, and right at the
threshold "there" and "gone" cost exactly the same.
"""

import altair as alt

import penultimate as pen

counts = pen.ClassCounts.long_tailed(400, largest=400, ratio=400, profile="zipf")
print(counts)

# %%
# To compare shapes, every depth gets the weight decay that puts its threshold at σ = 4. The threshold grows like
# ``λ^((L+1)/(2L))``, so one trial and one correction suffice.

TARGET = 4.0
rows = []
for layers in (1, 2, 3):
    trial = pen.minimise(counts, pen.Problem.from_decays(1e-3, layers=layers))
    decay = 1e-3 * (TARGET / trial.threshold) ** (2 * layers / (layers + 1))
    solution = pen.minimise(counts, pen.Problem.from_decays(decay, layers=layers))
    print(f"L = {layers}: λ = {decay:.2e}, threshold {solution.threshold:.6f}, {solution.survivors} directions survive")
    rows += [
        {"sigma": sigma, "strength": strength, "layers": f"L = {layers}"}
        for sigma, strength in zip(solution.sigma.tolist(), solution.strength.tolist(), strict=True)
        if sigma <= 14
    ]

points = (
    alt.Chart(alt.Data(values=rows))
    .mark_circle(size=26, opacity=0.9)
    .encode(
        x=alt.X("sigma:Q", title="singular value σ of the labels"),
        y=alt.Y("strength:Q", title="strength x that the minimiser keeps"),
        color=alt.Color("layers:N", title=None, scale=alt.Scale(range=["#2a6f97", "#e09f3e", "#c1553b"])),
    )
)
identity = (
    alt.Chart(alt.Data(values=[{"sigma": 0, "strength": 0}, {"sigma": 14, "strength": 14}]))
    .mark_line(strokeDash=[4, 4], color="#999", strokeWidth=1)
    .encode(x="sigma:Q", y="strength:Q")
)
thresholds = (identity + points).properties(
    width=520, height=360, title="Soft threshold for one layer, hard for more (dashed: no decay)"
)
