"""A tenth of the fuzz; all of it is ``make fuzz``."""

import subprocess
import sys
from pathlib import Path


def test_spoilt_files_are_understood_or_refused():
    command = [sys.executable, "-m", "tests.fuzz.run", "--share", "0.1"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout
