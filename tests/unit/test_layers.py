"""Imports go one way: host.cli → host.verbs → host.adapters → core, and agent → core. Read from the sources, so that nothing has to run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "fwrkit"
UNIT = ROOT / "tests" / "unit"

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
STARTS_PROGRAMS = "fwrkit/core/commands.py"
# these hold the handles that core.commands.start returns, for the type and the pipe constant; they start nothing themselves
HOLDS_PROCESSES = {"fwrkit/agent/children.py", "fwrkit/agent/citizen/link.py", "fwrkit/agent/citizen/unison.py"}
STARTERS = {
    "subprocess": {"run", "Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput"},
    "os": {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "spawnl", "spawnv", "spawnvp"},
}
# tests of the whole, which have no one file that they mirror, and of what other tests stand on
OF_THE_WHOLE = {
    "test_layers.py",
    "test_wheel.py",
    "test_figures.py",
    "test_soak.py",
    "agent/test_house.py",
    "test_invariants.py",
    "test_beside.py",
    "test_again.py",
    "host/test_interrupted.py",
}


def imports(path: Path) -> Iterator[str]:
    """Give the full name of everything that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def starters(source: str) -> list[str]:
    """Return the calls in a source that start a program."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            callee = node.func
            owner = callee.value.id if isinstance(callee, ast.Attribute) and isinstance(callee.value, ast.Name) else ""
            if isinstance(callee, ast.Attribute) and callee.attr in STARTERS.get(owner, ()):
                found.append(f"{owner}.{callee.attr}")
            if any(word.arg == "shell" for word in node.keywords):
                found.append("shell=")
        elif isinstance(node, ast.ImportFrom) and node.module in STARTERS:
            found += [f"{node.module}.{alias.name}" for alias in node.names if alias.name in STARTERS[node.module]]
    return found


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def is_in(module: str, layer: str) -> bool:
    return module == layer or module.startswith(layer + ".")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted(UNIT.rglob("test_*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=[name_of(path) for path in SOURCES])
def test_imports_go_one_way(path: Path) -> None:
    module = module_of(path)
    layer = next((name for name in ALLOWED if is_in(module, name)), None)
    if layer is None:
        assert path.name == "__init__.py", f"{module} is in no layer"
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


def test_the_package_holds_sources_only() -> None:
    """What else lay here would be in every wheel and every image."""
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert [name_of(path) for path in files if path.suffix != ".py"] == []


def test_core_needs_the_standard_library_only() -> None:
    for path in sorted((PACKAGE / "core").glob("*.py")):
        for imported in imports(path):
            top = imported.partition(".")[0]
            assert top in sys.stdlib_module_names or top in ("fwrkit", "__future__"), f"{path.name} imports {imported}"


def test_one_module_starts_programs() -> None:
    for path in SOURCES:
        name = name_of(path)
        if name != STARTS_PROGRAMS:
            assert starters(path.read_text()) == [], name
            if name not in HOLDS_PROCESSES:
                assert not any(is_in(imported, "subprocess") for imported in imports(path)), f"{name} imports subprocess"


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess\nsubprocess.run(['x'])",
        "from subprocess import Popen",
        "import os\nos.system('x')",
        "from os import popen",
        "run(x, shell=True)",
    ],
)
def test_the_test_can_tell(source: str) -> None:
    assert starters(source)


def test_the_listing_mirrors_commands() -> None:
    """A verb of the command line has a file in each layer of the same name."""
    verbs = {path.stem for path in (PACKAGE / "host" / "verbs").glob("*.py")}
    for name in ("up", "join", "down", "rm", "ls", "status", "logs", "open", "sync", "exec", "render", "invite", "doctor", "images"):
        assert name in verbs
        assert (PACKAGE / "host" / "cli" / f"{name}.py").exists()


@pytest.mark.parametrize("path", TESTS, ids=[path.relative_to(UNIT).as_posix() for path in TESTS])
def test_a_test_lies_where_what_it_tests_lies(path: Path) -> None:
    inside = path.relative_to(UNIT)
    if inside.as_posix() in OF_THE_WHOLE:
        return
    base = ROOT if inside.parts[0] == "scripts" else PACKAGE
    source = base / inside.with_name(inside.name.removeprefix("test_"))
    assert source.is_file(), f"{inside} mirrors nothing: there is no {source.relative_to(ROOT)}"
