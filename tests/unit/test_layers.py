"""Imports go one way: host.cli → host.verbs → host.adapters → core, and agent → core. Read from the sources, so that nothing has to run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "fwrkit"

# who may import what of fwrkit; a layer may always import itself
ALLOWED = {
    "fwrkit.core": (),
    "fwrkit.agent": ("fwrkit.core",),
    "fwrkit.host.adapters": ("fwrkit.core",),
    "fwrkit.host.verbs": ("fwrkit.host.adapters", "fwrkit.core"),
    "fwrkit.host.cli": ("fwrkit.host.verbs", "fwrkit.host.adapters", "fwrkit.core"),
}
# inside the agent: the citizen's and the server's side know nothing of each other, and both stand on files and wire
INSIDE_AGENT = {
    "fwrkit.agent.files": ("fwrkit.agent.paths", "fwrkit.agent.states"),
    "fwrkit.agent.wire": ("fwrkit.agent.paths", "fwrkit.agent.states"),
    "fwrkit.agent.citizen": ("fwrkit.agent.server",),  # forbidden here
    "fwrkit.agent.server": ("fwrkit.agent.citizen",),  # forbidden here
}
PROCESSES = {"fwrkit/core/commands.py"}  # the one module that starts programs; others only hold the handles it returns


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def is_in(module: str, layer: str) -> bool:
    return module == layer or module.startswith(layer + ".")


SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_imports_go_one_way(path: Path) -> None:
    module = module_of(path)
    layer = next((name for name in ALLOWED if is_in(module, name)), None)
    if layer is None:
        return
    for imported in imports(path):
        if is_in(imported, "fwrkit") and imported not in ("fwrkit", "fwrkit.__version__"):
            allowed = any(is_in(imported, name) or is_in(name, imported) for name in (layer, *ALLOWED[layer]))
            assert allowed, f"{module} imports {imported}"


@pytest.mark.parametrize("side", ["citizen", "server"])
def test_the_two_sides_of_the_agent_do_not_know_each_other(side: str) -> None:
    for path in sorted((PACKAGE / "agent" / side).glob("*.py")):
        for forbidden in INSIDE_AGENT[f"fwrkit.agent.{side}"]:
            assert not any(is_in(imported, forbidden) for imported in imports(path)), f"{path.name} imports {forbidden}"


@pytest.mark.parametrize("part", ["files", "wire"])
def test_what_both_sides_stand_on_knows_neither(part: str) -> None:
    layer = f"fwrkit.agent.{part}"
    for path in sorted((PACKAGE / "agent" / part).glob("*.py")):
        for imported in imports(path):
            if is_in(imported, "fwrkit.agent") and imported != "fwrkit.agent":
                assert any(is_in(imported, name) or is_in(name, imported) for name in (layer, *INSIDE_AGENT[layer])), (
                    f"{path.name}: {imported}"
                )


def test_core_needs_the_standard_library_only() -> None:
    import sys

    for path in sorted((PACKAGE / "core").glob("*.py")):
        for imported in imports(path):
            top = imported.partition(".")[0]
            assert top in sys.stdlib_module_names or top in ("fwrkit", "__future__"), f"{path.name} imports {imported}"


def test_one_module_starts_programs() -> None:
    for path in SOURCES:
        text = path.read_text()
        if str(path.relative_to(ROOT)) not in PROCESSES:
            for call in ("subprocess.run(", "subprocess.Popen(", "subprocess.check", "os.system(", "os.popen(", "shell=True"):
                assert call not in text, f"{path}: {call}"


def test_the_listing_mirrors_commands() -> None:
    """A verb of the command line has a file in each layer of the same name."""
    verbs = {path.stem for path in (PACKAGE / "host" / "verbs").glob("*.py")}
    for name in ("up", "join", "down", "rm", "ls", "status", "logs", "open", "sync", "exec", "render", "invite", "doctor", "images"):
        assert name in verbs
        assert (PACKAGE / "host" / "cli" / f"{name}.py").exists()
