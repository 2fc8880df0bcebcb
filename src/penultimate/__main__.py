"""``python -m penultimate``: the command, where its folder is not on the path."""

from penultimate.cli import main

# The process beside the server of `penultimate app` loads this file too.
if __name__ == "__main__":
    main()
