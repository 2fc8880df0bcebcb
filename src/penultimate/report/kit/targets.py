"""What is said of targets wherever they are described."""

ONE_EACH = (
    "Every sample has exactly one label: given as one class a sample, a whole number or name in place of a row, more "
    "is said of it."
)
