"""What advice takes from an audit: the same from the object as from its JSON, and clear errors for all else."""

import json

import numpy as np
import pytest

import penultimate as pen
from penultimate.advice.evidence import Audited
from penultimate.advice.status import Reason, Status

FASHION = pen.datasets.counts("fashion-mnist-lt")


@pytest.fixture(scope="module")
def audits():
    return {
        "features": pen.audit("cnn-mse"),
        "head": pen.audit_head("cnn-mse", FASHION, weight_decay=1e-3),
        "misfit": pen.audit("cnn-ce"),
    }


@pytest.fixture
def written(audits, tmp_path):
    """Write the JSON of an audit, changed."""

    def write(of="features", change=None):
        record = json.loads(json.dumps(audits[of].to_dict()))
        path = tmp_path / "audit.json"
        path.write_text(json.dumps(record if change is None else change(record)))
        return path

    return write


@pytest.mark.parametrize("of", ["features", "head", "misfit"])
def test_object_and_json_say_the_same(audits, written, of):
    one, other = Audited.from_audit(audits[of]), Audited.read(written(of))
    assert one == other
    one.check(FASHION)


def test_figures_are_those_of_the_audit(audits):
    audited, audit = Audited.from_audit(audits["features"]), audits["features"]
    assert audited.calibration == audit.calibration and audited.fits and audited.dimension == 64
    assert audited.balanced_accuracy == audit.decisions.balanced_accuracy
    assert audited.by_means == pytest.approx(np.mean(audit.decisions.recall_by_means))
    assert Audited.from_audit(audits["misfit"]).fits is False
    head = Audited.from_audit(audits["head"])
    assert (head.of, head.problem.weight_decay, head.problem.bias, head.dimension) == ("head", (1e-3,), "free", 64)


def without(*keys):
    def change(record):
        for key in keys[:-1]:
            record = record[key]
        del record[keys[-1]]
        return record

    return change


def changed(path, value):
    def change(record):
        inner = record
        *keys, last = path.split(".")
        for key in keys:
            inner = inner[key]
        inner[last] = value
        return record

    return change


@pytest.mark.parametrize(
    ("of", "change", "match"),
    [
        ("features", without("penultimate"), "'penultimate' is missing"),
        ("features", without("calibration"), "'calibration' is missing"),
        ("head", without("rows"), "'rows' is missing"),
        ("features", lambda record: [record], "no audit"),
        ("features", changed("penultimate", "9.1.0"), "later than this"),
        ("features", changed("penultimate", "old"), "no version"),
        ("features", changed("penultimate", None), "no version"),
        ("features", changed("calibration.samples", "many"), "damaged"),
        ("features", changed("features", None), "damaged"),
        ("features", changed("metrics.merged", 3), "damaged"),
        ("features", changed("classes", [{}]), "damaged"),
        ("head", changed("problem.weight_decay", []), "damaged"),
        ("features", changed("calibration.loss", "my own"), "no name"),
    ],
)
def test_a_spoilt_record_is_refused_with_its_path(written, of, change, match):
    path = written(of, change)
    with pytest.raises(pen.FileError, match=match) as raised:
        Audited.read(path)
    assert str(path) in str(raised.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(pen.FileError, match="no such file"):
        Audited.read(tmp_path / "none.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(pen.FileError, match="no JSON"):
        Audited.read(tmp_path / "broken.json")


@pytest.mark.parametrize("counts", [[6000] * 10, [6000, 60], [*FASHION.values[:-1], 61]])
def test_an_audit_of_other_counts_is_refused(audits, counts):
    with pytest.raises(pen.ProblemError, match="of other counts"):
        pen.advise(pen.ClassCounts(counts), audit=audits["features"])


def test_an_audit_settles_the_problem_and_its_decay(audits, written):
    advice = pen.advise(FASHION, audit=written("features"))
    expected = audits["features"].calibration.forecast(FASHION)
    assert advice.forecast.problem == expected.problem and advice.forecast.band is not None
    assert pen.advise(FASHION, 0.3, audit=audits["features"]).forecast.problem.weight_decay == (0.3,)
    for options in ({"loss": "ce"}, {"layers": 2}, {"bias": "none"}, {"feature_ratio": 3.0}, {"feature_decay": 1e-7}):
        with pytest.raises(pen.ProblemError, match="settles"):
            pen.advise(FASHION, audit=audits["features"], **options)


def test_what_agrees_with_an_audit_is_accepted_and_what_contradicts_it_is_not(audits):
    audit, of_head = audits["features"], audits["head"]
    plain = pen.advise(FASHION, audit=audit).forecast.problem
    ratio = plain.feature_decay * FASHION.samples / plain.weight_decay[0]
    agreeing = [
        *({"loss": loss} for loss in ("mse", pen.losses.SquaredError())),
        *({"layers": 1}, {"bias": "free"}, {"feature_decay": plain.feature_decay}, {"feature_ratio": ratio}),
        {"loss": "mse", "layers": 1, "bias": "free"},
        {"problem": plain},
    ]
    for options in agreeing:
        assert pen.advise(FASHION, audit=audit, **options).forecast.problem == plain, options
    assert pen.advise(FASHION, audit=of_head, layers=1, bias="free", loss="ce").forecast.problem.loss == "ce"
    for options in ({"layers": 2}, {"bias": "none"}):
        with pytest.raises(pen.ProblemError, match="settles"):
            pen.advise(FASHION, audit=of_head, **options)
    with pytest.raises(pen.ProblemError, match="settles loss: mse there, ce beside it"):
        pen.advise(FASHION, audit=audit, problem=pen.Problem.from_decays(5e-4, loss="ce"))


def test_an_audit_with_cross_entropy_does_not_accept_squared_error():
    """`loss="mse"` was the default and went for not given: it was passed over in silence."""
    audit = pen.audit("cnn-ce", weight_decay=5e-4, loss="ce")
    with pytest.raises(pen.ProblemError, match="settles loss: ce there, mse beside it"):
        pen.advise(FASHION, audit=audit, loss="mse")
    assert pen.advise(FASHION, audit=audit, loss="ce").forecast.problem.loss == "ce"


def test_advice_on_features_and_on_a_head(audits):
    of_features, of_head = (pen.advise(FASHION, audit=audits[of]) for of in ("features", "head"))
    assert of_features.width.in_use == of_head.width.in_use == 64
    assert of_features.decay.quartiles is not None and of_head.decay.quartiles is None
    assert "trained networks" in of_head.verdict and "trained networks" not in of_features.verdict
    assert of_head.forecast.problem.weight_decay == (1e-3,) and of_head.forecast.band is None
    narrow = pen.advise(FASHION, audit=audits["features"], width=4)
    assert narrow.forecast.problem.width == 4 and narrow.forecast.band[0].problem.width == 4


def test_a_network_that_does_not_fit_its_loss_gives_no_advice(audits):
    advice = pen.advise(FASHION, audit=audits["misfit"])
    for piece in (advice.decay, advice.loss, advice.samples, advice.width):
        assert (piece.status, piece.reason, piece.before) == (Status.UNKNOWN, Reason.MISFIT, advice.forecast)
    assert "Not known: weight decay, loss, samples, width, head." in advice.verdict


def test_a_loss_of_ones_own_is_kept():
    counts = pen.ClassCounts([30, 12, 6])
    mine = pen.losses.CrossEntropy("mine", weights=[1.0, 1.5, 2.0])
    factors = pen.forecast(counts, 1e-2, loss=mine, feature_ratio=1.0).geometry.factors(d=3)
    labels = np.repeat(np.arange(3), counts.values.astype(int))
    head = pen.Head(factors.weights, factors.bias)
    audit = pen.audit(factors.means[labels], labels, head=head, weight_decay=1e-2, loss=mine)
    assert Audited.from_audit(audit).forecast(counts, None).problem.loss is mine


@pytest.mark.parametrize("of_file", [False, True])
def test_a_head_alone_gives_the_loss_that_its_audit_was_told_and_another_may_be_given(of_file, tmp_path):
    counts = pen.datasets.counts("fashion-mnist-lt")
    audit = pen.audit_head("cnn-ce", counts, loss="ce")
    if of_file:
        path = tmp_path / "head.json"
        path.write_text(json.dumps(audit.to_dict()))
        audit = path
    found = pen.advise(counts, audit=audit)
    assert found.forecast.problem.loss == "ce"
    assert "The loss is taken to be ce: a head alone does not show it." in found.verdict
    assert pen.advise(counts, audit=audit, loss="mse").forecast.problem.loss == "mse"


def test_decays_in_pytorchs_units_beside_a_head_alone_are_read_by_its_loss(penultimate, tmp_path):
    path = tmp_path / "head.json"
    path.write_text(json.dumps(pen.audit_head("cnn-ce", pen.datasets.counts("fashion-mnist-lt"), loss="ce").to_dict()))
    given = ("advise", "fashion-mnist-lt", "--audit", path, "--torch-loss", "mse", "--weight-decay", "1e-3")
    status, _, err = penultimate(*given)
    assert status == 2 and "--torch-loss mse beside --loss ce" in err
    status, out, _ = penultimate(*given, "--loss", "mse", "--json", "-")
    assert status == 0 and json.loads(out)["problem"]["weight_decay"] == [pytest.approx(5e-3)]
