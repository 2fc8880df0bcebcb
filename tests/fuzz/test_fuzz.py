"""A tenth of the fuzz; all of it is ``make fuzz``."""

from tests.fuzz.run import main


def test_spoilt_files_are_understood_or_refused(capsys):
    failures = main(["--share", "0.1"])
    assert not failures, capsys.readouterr().out
