"""The frames the field knows, as `Geometry`: what minimisers tend to in the limits.

=========================  ==========================================================================================
Frame                      When
=========================  ==========================================================================================
`simplex_etf`              balanced counts, free bias, any decay (Papyan, Han, Donoho 2020, arXiv 2008.08186)
`orthogonal_frame`         balanced counts, no bias (arXiv 2301.00437)
`general_orthogonal_frame` any counts, no bias, squared error: orthogonal, of unequal lengths (arXiv 2301.00437)
`seli`                     any counts, cross-entropy, decay → 0 (Thrampoulidis et al. 2022, arXiv 2208.05512)
=========================  ==========================================================================================
"""

import numpy as np

from penultimate.counts import ClassCounts
from penultimate.counts.given import Counts, counts_of
from penultimate.errors import CountsError, ProblemError
from penultimate.minimisers.minimising import minimise
from penultimate.model.arguments import whole
from penultimate.model.geometry import Geometry
from penultimate.model.problem import Problem
from penultimate.spectrum.grouped_svd import GroupedSVD
from penultimate.spectrum.label_spectrum import LabelSpectrum
from penultimate.spectrum.quotient import CauchyQuotient
from penultimate.spectrum.secular import CauchySystem


def simplex_etf(classes: int) -> Geometry:
    """Simplex equiangular tight frame: K unit vectors with all cosines −1/(K−1), the head equal to the means.

    Parameters
    ----------
    classes : int
        K, at least 2.

    Returns
    -------
    Geometry

    Notes
    -----
    Neural collapse of balanced data: Papyan, Han and Donoho 2020, arXiv 2008.08186.

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.frames.simplex_etf(5).mean_gram.dense()[0].round(2)
    array([ 1.  , -0.25, -0.25, -0.25, -0.25])
    """
    return _equal(LabelSpectrum(_one_each(classes)), (classes / (classes - 1)) ** 0.5, centred=True)


def orthogonal_frame(classes: int) -> Geometry:
    """Orthogonal frame: K orthonormal vectors, the head equal to the means.

    Parameters
    ----------
    classes : int
        K, at least 2.

    Returns
    -------
    Geometry

    Notes
    -----
    Balanced data without a bias: Dang et al. 2023, arXiv 2301.00437.

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.frames.orthogonal_frame(3).head_gram.dense()[1]
    array([0., 1., 0.])
    """
    return _equal(LabelSpectrum(_one_each(classes), centred=False), 1.0, centred=False)


def general_orthogonal_frame(counts: Counts, problem: Problem | None = None) -> Geometry:
    """General orthogonal frame: the minimiser without bias, orthogonal class means whose lengths follow the counts.

    Parameters
    ----------
    counts : ClassCounts, path, bundled name, mapping or array of shape (K,)
        Samples per class.
    problem : Problem, optional
        Layers, decays and width, with ``bias="none"``; by default one layer, decay 5e-4.

    Returns
    -------
    Geometry
        Means below the threshold are zero.

    Raises
    ------
    ProblemError
        If the problem has a bias.

    Notes
    -----
    Squared error without a bias, unequal counts: Dang et al. 2023, arXiv 2301.00437.

    Examples
    --------
    >>> import penultimate as pen
    >>> frame = pen.frames.general_orthogonal_frame(pen.ClassCounts([60, 30, 10]))
    >>> frame.mean_gram.dense()[0, 1:]
    array([0., 0.])
    """
    counts = counts_of(counts)
    problem = Problem.from_decays(bias="none") if problem is None else problem
    if problem.bias != "none":
        raise ProblemError(f"a general orthogonal frame has no bias, got bias={problem.bias!r}: give bias='none'")
    return minimise(counts, problem).geometry


def seli(counts: Counts) -> Geometry:
    """Simplex-encoded-labels interpolation: the geometry of ``(I − 11ᵀ/K) D``, scale arbitrary.

    Parameters
    ----------
    counts : ClassCounts, path, bundled name, mapping or array of shape (K,)
        Samples per class, all of them at least one.

    Returns
    -------
    Geometry
        Balanced factors ``W = U √Σ``, ``H̄D = √Σ Vᵀ``; no bias. For equal counts a simplex ETF up to scale.

    Raises
    ------
    CountsError
        If a class has no samples: SELI's label encoding counts it, and no feature can stand for it.

    Notes
    -----
    Cross-entropy on unequal counts as the decay goes to zero: Thrampoulidis, Kini, Vakilian and Behnia 2022, arXiv
    2208.05512. The eigenvalues solve ``Σ_g s_g / (c_g − λ) = 0``: the secular equation of docs/theory §3 with the
    vector of ones in the place of √n, and left and right exchanged.

    Examples
    --------
    >>> import penultimate as pen
    >>> logits = pen.frames.seli(pen.ClassCounts([60, 30, 10])).logits.dense()
    >>> logits.round(3)
    array([[ 0.667, -0.333, -0.333],
           [-0.333,  0.667, -0.333],
           [-0.333, -0.333,  0.667]])
    """
    counts = counts_of(counts)
    if counts.unseen.size:
        raise CountsError(f"class {counts.names[int(counts.unseen[0])]!r} has no samples: SELI needs every class seen")
    multiplicity = counts.multiplicity.astype(np.float64)
    system = CauchySystem.solve(counts.distinct, multiplicity, np.ones_like(multiplicity))
    return _balanced(GroupedSVD(counts, CauchyQuotient(system, centred="left")))


def _balanced(svd: GroupedSVD) -> Geometry:
    root = np.sqrt(svd.sigma)
    return Geometry(svd, (root,), root, np.ones_like(root), np.zeros(svd.counts.distinct.size))


def _equal(svd: GroupedSVD, length: float, *, centred: bool) -> Geometry:
    values = np.full_like(svd.sigma, length)
    return Geometry(svd, (values,), values, np.ones_like(values), np.zeros(svd.counts.distinct.size), centred)


def _one_each(classes: int) -> ClassCounts:
    return ClassCounts(np.ones(whole(classes, "classes")))
