"""
Would a non-linear head pay?
============================

Handwritten digits as raw pixels, and the features of a trained network. What would a head on random Fourier features
bring on each, and how many would it need? The law says so before any are drawn.
"""

import altair as alt
from sklearn.datasets import load_digits

import penultimate as pen

pixels, digits = load_digits(return_X_y=True)
batch = next(pen.datasets.features("cnn-mse-test").batches())
forecasts = {
    "pixels of digits": pen.heads.forecast_random_features(pixels[:400], digits[:400]),
    "features of a network": pen.heads.forecast_random_features(batch.features[:400], batch.labels[:400]),
}
for name, forecast in forecasts.items():
    print(f"{name}: {forecast.verdict}")

# %%
# Accuracy over the number of random features
# -------------------------------------------
# Lines are what so many pairs of cosines and sines bring on average over what is drawn; dashes are the best linear
# head.

rows = [
    {"pairs": int(pairs), "accuracy": float(accuracy), "linear": forecast.linear_accuracy, "features": name}
    for name, forecast in forecasts.items()
    for pairs, accuracy in zip(forecast.pairs, forecast.accuracy, strict=True)
]
data, colour = alt.Data(values=rows), alt.Color("features:N")
x = alt.X("pairs:Q", scale=alt.Scale(type="log"), title="pairs of random features")
y = alt.Y("accuracy:Q", scale=alt.Scale(zero=False), axis=alt.Axis(format="%"), title="balanced accuracy")
accuracy = alt.layer(
    alt.Chart(data).mark_line(point=True).encode(x=x, y=y, color=colour),
    alt.Chart(data).mark_line(strokeDash=[5, 3]).encode(x=x, y="linear:Q", color=colour),
).properties(title="What a non-linear head would bring", width=520, height=260)

# %%
# The head itself
# ---------------
# Fitted as the forecast advises, on half of the digits, and judged on the other half beside a linear head. The second
# half is harder than the first for both.

advised = forecasts["pixels of digits"]
head = pen.heads.RandomFeaturesHead(512, bandwidth=advised.bandwidth, weight_decay=advised.weight_decay)
for fitted in (head, pen.heads.RidgeHead("auto")):
    answers = fitted.fit(pixels[:900], digits[:900]).predict(pixels[900:])
    print(f"{type(fitted).__name__}: {(answers == digits[900:]).mean():.1%} of new digits right")

# %%
# Why the weight decay it has
# ---------------------------
# A linear head explains its own: noise to any linear head, bias, and variance, for every weight decay.

risk = pen.heads.RidgeHead("auto").fit(batch.features[:300], batch.labels[:300]).explain()
print(risk.verdict)
parts = {"bias": risk.bias, "variance": risk.variance, "all": risk.test_error}
split = (
    alt.Chart(
        alt.Data(
            values=[
                {"weight decay": float(decay), "squared error": float(value), "part": part}
                for part, values in parts.items()
                for decay, value in zip(risk.weight_decays, values, strict=True)
            ]
        )
    )
    .mark_line()
    .encode(x=alt.X("weight decay:Q", scale=alt.Scale(type="log")), y="squared error:Q", color="part:N")
    .properties(title="Squared error on new samples over the weight decay", width=520, height=220)
)
