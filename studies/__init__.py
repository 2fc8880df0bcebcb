"""Experiments that ask whether the theory holds: one file per question, each readable from top to bottom.

    python -m studies.NAME [--quick] [--seed N]

    model            findings 1–4 of arXiv 2411.17278, by descent on the model itself
    spectrum         finding 5: estimates of the singular values, and sharper ones
    sweep            real networks over weight decays: do directions die where one calibrated run says?
    constancy        is the feature decay of a network a constant, and where does the law break?
    timeline         when each direction is learnt
    sampling         what drawing classes evenly does to the geometry
    untrained        does a scan of the last layer name the classes that a network has never seen?
    fixes            what do fixes for untrained rows gain when their classes come to be trained?
    checkpoints      last layers of twelve models that people download: what was never trained? (make checkpoints)
    resolvent        is the mean resolvent of several classes what a fixed point says, and at the promised rate?
    ridge            bias and variance of ridge regression in any dimension, and does the law choose well?
    random_features  the test error of random Fourier features before any are drawn: double descent, and does it pay?
    scaling          does the error of one pass of SGD fall by the exponents of the spectrum?
    tensor           is one direction in a tensor of noise seen from the threshold on, and as well as the law says?
    randomised_svd   from how many reads on do singular vectors say anything, and does their certificate hold?
    real_or_noise    published last layers, and classes of a frozen encoder: what is proven? (make checkpoints)
    learning_curves  do learning curves of one class come true, on data and frozen encoders that are new?
    few_samples      which discriminant from few samples a class, on seven networks and frozen encoders?
    truncation       regression on targets that are seen only inside a survival set
    text             the same law on other data: 45 classes of dictionary glosses

What they share stands in `results` (claims, tables, files), `charts`, `data`, `training` and `law`. A study writes
``studies/results/NAME.json`` (with command, seed and versions), ``NAME.md`` (its table of claims, which the
documentation shows) and its figures. Nothing in there is written by hand, and a verdict is computed, whichever way it
falls.
"""
