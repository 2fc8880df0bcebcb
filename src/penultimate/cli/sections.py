"""The commands as a user meets them: before training, after it, and with any model."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import click

from penultimate.cli.outputs import checked


class Sections(click.Group):
    """A group whose help lists its commands under headings."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # pyright: ignore[reportArgumentType]
        self._sections: dict[str, list[str]] = {}

    def add_sections(self, sections: Mapping[str, Sequence[click.Command]]) -> None:
        """Add commands by heading; each takes ``--quiet`` too, and looks first whether its outputs can be written."""
        for heading, commands in sections.items():
            for command in commands:
                command.params.append(_quiet())
                command.callback = command.callback and checked(command.callback)
                self.add_command(command)
                self._sections.setdefault(heading, []).append(str(command.name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse empty names of files, which would be the folder of work; options have checks of their own."""
        if any(not now and not before.startswith("-") for before, now in pairwise(args)):
            raise click.UsageError("an argument is empty, as where a shell variable is not set: give a value", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them in the order of their use."""
        widest = max(map(len, self.commands))
        for heading, names in self._sections.items():
            rows = [(name.ljust(widest), self.commands[name].get_short_help_str(formatter.width)) for name in names]
            with formatter.section(heading):
                formatter.write_dl(rows)


def _quiet() -> click.Option:
    def hush(context: click.Context, _: click.Parameter, quiet: bool) -> None:
        if quiet:
            context.find_root().params["quiet"] = True

    text = "Write nothing but results and errors."
    return click.Option(["-q", "--quiet"], is_flag=True, is_eager=True, expose_value=False, callback=hush, help=text)
