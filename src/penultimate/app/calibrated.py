"""Forecast and advice for a network that was audited: its JSON settles loss, layers, bias and the law of strengths."""

from collections.abc import Sequence

from penultimate.advice.advice import Advice, advise
from penultimate.app.settings import Settings
from penultimate.app.uploads import Sent, kept
from penultimate.audits.calibration import Calibration
from penultimate.errors import FileError, ProblemError
from penultimate.forecasts.forecast import Forecast


def calibrated(settings: Settings, files: Sequence[Sent]) -> Forecast | Advice:
    """What the library says of an audited network at the weight decay that is set.

    Parameters
    ----------
    settings : Settings
        Of the view "forecast" or "advice".
    files : sequence of Sent
        The audit, as ``penultimate audit --json`` wrote it.

    Returns
    -------
    Forecast or Advice

    Raises
    ------
    FileError
        When there is no such file, or it is no audit.
    ProblemError
        For another view.
    """
    if settings.view == "losses":
        raise ProblemError("losses are compared for networks that are not trained yet: choose a kind of networks")
    with kept(files) as paths:
        if "audit" not in paths:
            raise FileError(
                "no audit is chosen yet: choose what `penultimate audit --json` wrote (a link holds settings, but no "
                "files)"
            )
        if settings.view == "advice":
            return advise(settings.read_counts(), settings.decay(), audit=paths["audit"])
        return Calibration.read(paths["audit"]).forecast(settings.read_counts(), (settings.decay(),))
