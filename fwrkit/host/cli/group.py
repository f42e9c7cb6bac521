"""A command that has subcommands and an argument of its own."""

from __future__ import annotations

from typing import Any

import typer.core


class GroupWithDefault(typer.core.TyperGroup):
    """A group whose first command is meant where the first word names none: `fwrkit conflicts alice`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the first command's name before words that do not begin with a command or ask for help."""
        default = next(iter(self.commands))
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [default, *args]
        return super().parse_args(ctx, args)
