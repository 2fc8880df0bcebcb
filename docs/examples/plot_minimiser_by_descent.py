"""
Descent on all factors finds the closed form
============================================

The forecast rests on one claim: that the global minimiser of the model is what the formulas say. Here it is put to
the test by the plainest means. Every sample gets a free feature vector, every layer a free matrix, and L-BFGS
minimises over all of them and the bias at once, from random starts. It knows nothing of singular values.
"""

import altair as alt
import numpy as np
from scipy.optimize import minimize

import penultimate as pen

counts = pen.ClassCounts([16, 8, 4, 2])
width, decay = 5, 0.035
classes, samples = counts.classes, int(counts.samples)
labels = np.repeat(np.arange(classes), counts.values.astype(int))
one_hot = np.eye(classes)[labels].T  # classes × samples


def objective(flat: np.ndarray, problem: pen.Problem) -> tuple[float, np.ndarray]:
    """The model's loss and its gradient, all factors in one vector: H, W_1 … W_L, b."""
    shapes = [(width, samples), *[(width, width)] * (problem.layers - 1), (classes, width), (classes, 1)]
    parts = np.split(flat, np.cumsum([rows * columns for rows, columns in shapes])[:-1])
    features, *weights, bias = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
    decays = [problem.resolved_feature_decay(samples), *problem.weight_decay]

    outputs = [features]
    for weight in weights:
        outputs.append(weight @ outputs[-1])
    residual = outputs[-1] + bias - one_hot
    penalty = sum(d / 2 * np.sum(factor**2) for d, factor in zip(decays, [features, *weights], strict=True))
    value = np.sum(residual**2) / (2 * samples) + penalty

    back, gradients = residual / samples, [residual.sum(axis=1) / samples]
    for layer in reversed(range(len(weights))):
        gradients.append((back @ outputs[layer].T + decays[layer + 1] * weights[layer]).ravel())
        back = weights[layer].T @ back
    gradients.append((back + decays[0] * features).ravel())
    return float(value), np.concatenate(gradients[::-1])


def descend(problem: pen.Problem, seed: int) -> list[float]:
    """Objectives after each step of L-BFGS from a random start."""
    size = width * samples + (problem.layers - 1) * width**2 + classes * width + classes
    path: list[float] = []
    minimize(
        objective,
        np.random.default_rng(seed).normal(scale=0.5, size=size),
        args=(problem,),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 400, "ftol": 0, "gtol": 1e-12},
        callback=lambda intermediate_result: path.append(intermediate_result.fun),
    )
    return path


# %%
# Ten starts each, for one layer and for two
# ------------------------------------------
# With one layer every start arrives. With two, the threshold is hard and the landscape has local minima: a start that
# loses a direction on the way cannot win it back and stays above. No start ever gets below the closed form, and that is
# what a global minimiser is.

rows = []
for layers in (1, 2):
    problem = pen.Problem.from_decays(decay, layers=layers)
    solution = pen.minimise(counts, problem)
    paths = [descend(problem, seed) for seed in range(10)]
    gaps = [path[-1] / solution.objective - 1 for path in paths]
    rows += [
        {"step": step, "gap": max(value / solution.objective - 1, 1e-13), "start": start, "layers": f"L = {layers}"}
        for start, path in enumerate(paths)
        for step, value in enumerate(path, start=1)
    ]
    reached = sum(gap < 1e-8 for gap in gaps)
    print(
        f"L = {layers}: closed form {solution.objective:.12f}, {solution.survivors} of 3 directions survive; "
        f"{reached} of 10 starts reach it, the best to {max(min(gaps), 0):.0e}, the worst stays {max(gaps):.0e} above"
    )
    assert min(gaps) > -1e-10

descent = (
    alt.Chart(alt.Data(values=rows))
    .mark_line(opacity=0.75, strokeWidth=1.4)
    .encode(
        x=alt.X("step:Q", scale=alt.Scale(type="log", domain=[1, 400], nice=False), title="L-BFGS step"),
        y=alt.Y(
            "gap:Q",
            scale=alt.Scale(type="log"),
            axis=alt.Axis(format=".0e", tickCount=7),
            title="objective above the closed form, relative",
        ),
        color=alt.Color("layers:N", title=None, scale=alt.Scale(range=["#2a6f97", "#c1553b"])),
        detail="start:N",
    )
    .properties(width=560, height=320, title="Ten random starts each: none gets below the closed form")
)
