"""
What to change
==============

Forty classes from 2,000 samples to 20, trained with cross-entropy, where features and weights cost alike
(``feature_ratio=1``). What should be changed, what does it buy, and what does it cost?
"""

import penultimate as pen

counts = pen.ClassCounts.long_tailed(40, largest=2000, ratio=100)
advice = pen.advise(counts, weight_decay=0.03, loss="ce", width=128, feature_ratio=1)
print(advice.verdict)

# %%
# Many and few trade
# ------------------
# Margins of the third of the classes with most samples, and of the third with fewest, at equal strength. Every curve
# begins at plain cross-entropy and goes on with the strength of one kind of loss. The diamonds decide best for balanced
# accuracy.

trade_off = advice.plot("trade_off")

# %%
# Class weights do so too, but leave the worth of few samples:

for option in advice.loss.options:
    figures = option.point.figures
    print(
        f"{option.loss:24s} many {figures.many_margin:5.2f}, few {figures.few_margin:5.2f}, "
        f"cost {option.many_cost:6.1%}, samples used {option.effective_samples:6.1%}"
    )

# %%
# Equal margins instead
# ---------------------
# Inverse design finds the least strength at which rare classes have the margins of frequent ones in training. Every
# loss found is proven to be a minimum of its own objective, and its strength is one that can be typed. Some curves turn
# back: strong temperatures kill the directions that they should help.

equal = pen.advise(counts, weight_decay=0.03, loss="ce", width=128, feature_ratio=1, goal="margins")
for option in equal.loss.options:
    print(f"{option.loss:24s} cost {option.many_cost:6.1%}, {'fulfils the goal' if option.met else 'does not'}")

equal_margins = equal.plot("trade_off")

# %%
# Before and after
# ----------------
# A class stands above the threshold when its dot lies above the line.

survival = advice.plot("survival")

# %%
# Margins with the loss in use, and with the one advised:

margins = advice.plot("margins")
