"""What a wheel needs beside the package: the templates and the images' sources, where fwrkit/host/adapters/context.py finds them.

A hook instead of ``force-include``: an editable install takes them from the checkout, and must neither copy them nor fail where they are missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """Adds ``compose/`` and ``images/`` to a wheel that will live outside any checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Given the kind of build (``standard`` or ``editable``), say what goes in besides the package. Raise OSError if it is missing."""
        if version != "standard":
            return
        for name in ("compose", "images"):
            directory = Path(self.root) / name
            if not any(directory.iterdir()):
                raise FileNotFoundError(directory)
            build_data["force_include"][str(directory)] = f"fwrkit/_context/{name}"
