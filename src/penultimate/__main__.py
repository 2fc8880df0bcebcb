"""``python -m penultimate``: the command, where its folder is not on the path."""

from penultimate.cli import main

main()
