"""The commands as a user meets them: before training, after it, and with any model."""

from collections.abc import Mapping, Sequence

import click


class Sections(click.Group):
    """A group whose help lists its commands under headings."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # pyright: ignore[reportArgumentType]
        self._sections: dict[str, list[str]] = {}

    def add_sections(self, sections: Mapping[str, Sequence[click.Command]]) -> None:
        """Add commands by heading."""
        for heading, commands in sections.items():
            for command in commands:
                self.add_command(command)
                self._sections.setdefault(heading, []).append(str(command.name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them in the order of their use."""
        widest = max(map(len, self.commands))
        for heading, names in self._sections.items():
            rows = [(name.ljust(widest), self.commands[name].get_short_help_str(formatter.width)) for name in names]
            with formatter.section(heading):
                formatter.write_dl(rows)
