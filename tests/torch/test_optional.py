"""PyTorch is optional: nothing imports it for the user, and its absence is told."""

import subprocess
import sys

import pytest

import penultimate as pen

PROBES = {
    "the package": "import penultimate as pen; pen.audit, pen.forecast; assert 'torch' not in sys.modules",
    # In one process, from what needs least to what needs most: importing PyTorch takes longest.
    "what is used": (
        "import penultimate as pen; pen.torch.ClassLoss, pen.torch.FixedHead, pen.torch.parameter_groups, "
        "pen.torch.ClassDecay, pen.torch.ClassSampler, pen.torch.capture, pen.torch.put_head; "
        "assert 'torch' in sys.modules; frameworks = {'lightning', 'pytorch_lightning'}; "
        "assert not ({'torchmetrics', 'transformers', 'sklearn', 'altair'} | frameworks) & set(sys.modules); "
        # torchmetrics itself imports transformers where it is installed.
        "pen.torch.FeatureMonitor; assert not frameworks & set(sys.modules)"
    ),
    "no torch": (
        "sys.modules['torch'] = None\n"
        "import penultimate as pen\n"
        "from penultimate import *\n"
        "try:\n    pen.torch\n"
        "except pen.MissingDependencyError as error:\n    assert \"pip install 'penultimate[torch]'\" in str(error)\n"
        "else:\n    raise AssertionError\n"
    ),
}


@pytest.mark.parametrize("probe", PROBES)
def test_only_what_is_used_is_imported(probe):
    subprocess.run([sys.executable, "-c", f"import sys\n{PROBES[probe]}"], check=True)


def test_names_are_listed_and_others_refused():
    assert set(pen.torch.__all__) == set(dir(pen.torch)) and "torch" in dir(pen)
    for name in pen.torch.__all__:
        assert getattr(pen.torch, name).__name__ == name
    with pytest.raises(AttributeError, match="nonsense"):
        _ = pen.torch.nonsense
