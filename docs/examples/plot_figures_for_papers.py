"""
Figures for a paper
===================

Every chart of every result can be drawn again by Matplotlib, at the width of a column, as vectors: `pen.figure` takes
what `plot` returns. Title and notes go into the caption, so they are not drawn. The pictures are what `savefig`
writes.
"""

import penultimate as pen

forecast = pen.forecast("lvis", weight_decay=1e-2, feature_ratio=1)
spectrum = pen.figure(forecast.plot("spectrum"))  # one of two columns, 3.25 inches
print(spectrum.get_label())

# %%
# ``spectrum.savefig("spectrum.pdf")`` embeds fonts as TrueType, which venues ask for, and writes the same file every
# time. Over both columns, the sweep over weight decay:

sweep = pen.figure(forecast.plot("sweep"), width="page")

# %%
# An audit measures these directions on a trained network. What it found stands beside the forecast, with intervals:

audit = pen.audit("cnn-mse", weight_decay=5e-3)
directions = pen.figure(audit.plot("directions"))

# %%
# The recall of the classes, of a network trained with cross-entropy and judged on other samples; and the angles between
# its class means:

unseen = pen.audit("cnn-ce-test", counts=pen.datasets.counts("fashion-mnist-lt"))
recalls = pen.figure(unseen.plot("classes"))
cosines = pen.figure(unseen.plot("cosines"))

# %%
# The axes are Matplotlib's: change what you like.

axes = recalls.axes[0]
axes.set_ylabel("recall on test samples")
axes.set_ylim(0.0, 1.0)
print(recalls.get_size_inches().round(2))
