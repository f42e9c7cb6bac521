"""Groups of commands: one whose first is meant where none is named, and one that imports only what is asked for."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

import typer.core
import typer.main


class GroupWithDefault(typer.core.TyperGroup):
    """A group whose first command is meant where the first word names none: `fwrkit conflicts alice`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the first command's name before words that do not begin with a command or ask for help."""
        default = next(iter(self.commands))
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [default, *args]
        return super().parse_args(ctx, args)


class GroupOfModules(typer.core.TyperGroup):
    """A group in which each command is a module of this package, imported when it is asked for: a command starts without all the others."""

    names: ClassVar[tuple[str, ...]] = ()

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, imported or not."""
        return list(self.names)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Given a name, return the command, or None if there is none."""
        if cmd_name in self.names and cmd_name not in self.commands:
            self.commands[cmd_name] = _imported(cmd_name)
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Given a command line, return its command; for a word that is none, Typer suggests one that is."""
        if args[0] not in self.names:
            for name in self.names:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


_FUNCTIONS = {"exec": "execute", "open": "open_"}  # where Python itself has the verb's name


def _imported(name: str) -> Any:
    module = importlib.import_module(f"fwrkit.host.cli.{name}")
    whole = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    if hasattr(module, "app"):
        whole.add_typer(module.app, name=name)
    else:
        whole.command(name, epilog=module.EPILOG)(getattr(module, _FUNCTIONS.get(name, name)))
    return typer.main.get_group(whole).commands[name]
