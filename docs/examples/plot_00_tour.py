"""
A five-minute tour
==================

You have a data set in which a few classes hold most samples. This tour shows what will happen to the rare ones, what
happened in a network that was trained, and what can be done about it. All data are bundled, and every picture is one
line of code.
"""

import penultimate as pen

counts = pen.datasets.counts("fashion-mnist-lt")  # or pen.ClassCounts.read("train.csv"), an image folder, labels.npy
print(counts)

# %%
# Before training
# ---------------
#
# Weight decay weakens every direction of the last layer, and rare classes have the weakest. Which classes keep one of
# their own? A class below the dashed line does not.

forecast = pen.forecast(counts, weight_decay=0.1, feature_ratio=1)
print(forecast.verdict)
counts_chart = forecast.plot("counts")

# %%
# Each direction has a weight decay at which it dies. The sweep shows them all, so you see how far you may go:

sweep_chart = forecast.plot("sweep")

# %%
# After training
# --------------
#
# An audit reads what enters the last layer of a trained network, and holds it against the forecast. This small network
# was trained with squared error. Its directions are about as strong as they should be:

audit = pen.audit("cnn-mse", weight_decay=5e-3)
print(audit.verdict)
directions_chart = audit.plot("directions")

# %%
# On training samples every class looks fine. On others the rare ones do not:

unseen = pen.audit("cnn-ce-test", counts=counts)
recall_chart = unseen.plot("classes")

# %%
# What to change
# --------------
#
# `advise` weighs what can be changed, each with the number behind it and its price:

advice = pen.advise(counts, weight_decay=0.1, feature_ratio=1)
print(advice.verdict)
trade_off_chart = advice.plot("trade_off")

# %%
# The cheapest change is the last layer: a better one for the same features takes seconds, and is judged on samples that
# it did not learn from.

comparison = pen.compare_heads("cnn-mse", "cnn-mse-test")
print(comparison.verdict)
gains_chart = comparison.plot("gains")

# %%
# Where next
# ----------
#
# All of this is also a command (``penultimate forecast lvis --html report.html``) and a page to play with
# (``penultimate app``). Your own PyTorch model takes the same lines: :doc:`/pytorch-to-better`. In Lightning, with
# Hugging Face or timm: :doc:`/frameworks`. Recipes: :doc:`/how-to`.
