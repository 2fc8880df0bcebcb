"""How much of its own direction a class keeps, in three words."""

# A class that keeps at least OWN of its own direction is said to have it, one below LOST to have lost it; between the
# two it shares what is left with other classes. Printed with every table.
OWN = 0.9


LOST = 0.1


STATUSES = ("own", "shared", "lost")

# Of several labels a sample, one may also be on in no sample, or in all.
LABEL_STATUSES = (*STATUSES, "unseen", "always")

# What a forecast that rests on a trained network says of a direction or a class, and how sure it is.
FATES = ("survives", "dies", "uncertain")

# A direction is dead when it has less than this share of σ. Measured ones do not reach zero in finite training; the
# strengths of a forecast are zero, or at least (L−1)/L of σ for several layers, and for one layer continuous.
DEAD = 0.01
