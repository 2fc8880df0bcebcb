"""Whether a forecast is of other counts than the audits that it is calibrated by."""

import numpy as np

from penultimate.audits.law_reading import Run
from penultimate.forecasts.forecast import Forecast
from penultimate.model.strength_law import lead


def doubts_of_counts(forecast: Forecast, samples: float, runs: tuple[Run, ...]) -> tuple[str, ...]:
    """Say so where a forecast is of other counts than the audits that it is calibrated by.

    Parameters
    ----------
    forecast : Forecast
    samples : float
        N of the audited network.
    runs : tuple of Run
        What the audits say of its directions; perhaps nothing.

    Returns
    -------
    tuple of str
        A sentence, or none.
    """
    own = forecast.counts.samples
    if np.isclose(samples, own, rtol=1e-9) and all(_are_of(run, forecast) for run in runs):
        return ()
    return (
        f"The audit is of other counts ({samples:,.10g} samples in all there, {own:,.10g} here), so shares of σ are "
        "carried over; if the network was trained on these, audit its training samples.",
    )


def _are_of(run: Run, forecast: Forecast) -> bool:
    """Whether the directions of a run may be those of a forecast; where very many, the leading ones were audited."""
    sigma, several = forecast.solution.sigma, forecast.solution.multiplicity
    if not forecast.is_squared_error:
        return sum(run.multiplicity) <= forecast.directions and len(run.multiplicity) <= several.size
    return lead(np.array(run.sigma), sigma)
