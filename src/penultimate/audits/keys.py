"""Keys of an audit's JSON that are read again: `penultimate.report` writes them, `penultimate.advice` reads them."""

VERSION = "penultimate"
COUNTS = "counts"
DIMENSION = "dimension"
MERGED = "merged"

# Of an audit of features.
FEATURES = "features"
METRICS = "metrics"
CLASSES = "classes"
CLASS = "class"
COUNT = "count"
ALIGNMENT = "alignment"
CALIBRATION = "calibration"
FITS_LOSS = "fits_loss"
BALANCED_ACCURACY = "balanced_accuracy"
RECALL_BY_MEANS = "recall_by_means"

# Of an audit of a head alone.
HEAD = "head"
PROBLEM = "problem"
ROWS = "rows"

# Of an audit of the rows of a head, which is not read again.
LENGTHS = "lengths"
