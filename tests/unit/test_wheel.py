"""The wheel: everything that an installation outside any checkout needs is in it, and an editable install never fails for what is missing."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def build(root: Path, target: Path, *options: str) -> Path:
    """Build a wheel as pip does, without looking anything up, and return it."""
    code = f"import hatchling.build as b; print(b.{options[0] if options else 'build_wheel'}({str(target)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target / done.stdout.split()[-1]


def copy(target: Path, *names: str) -> Path:
    """Copy what git would have of some parts of the checkout."""
    import shutil

    target.mkdir()
    for name in names:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)
    return target


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with what the wheel holds, far from the checkout."""
    place = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build(ROOT, place)) as wheel:
        wheel.extractall(place / "site")
    return place / "site"


def run(site: Path, code: str) -> str:
    """Run Python with the installed wheel in front of everything else, in an empty directory, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r}); {code}"],
        cwd=site.parent, capture_output=True, text=True, check=False, env={"FWRKIT_HOME": str(site.parent / "home"), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_build_context_is_the_checkouts_own(installed: Path) -> None:
    code = "from fwrkit.host.adapters import context; assert {0!r} in context.__file__, context.__file__; print(context.load().identity)"
    from fwrkit.host.adapters import context

    assert run(installed, code.format(str(installed))).strip() == context.load().identity


def test_nodes_can_be_rendered(installed: Path) -> None:
    code = (
        "from pathlib import Path; from fwrkit.host.adapters import templates; from fwrkit.host.adapters.home import Home;"
        "from fwrkit.host.adapters.nodes import Node;"
        "print(templates.render(Node('alice', 'client', '0123456789ab', 'alice', 20011, image='x'), Home(Path('/x'))))"
    )
    assert "services:" in run(installed, code)


def test_the_command_runs(installed: Path) -> None:
    text = run(installed, "from fwrkit.host.cli.entry import main; sys.argv[1:] = ['--version']; main()")
    assert text.strip() in next(installed.glob("fwrkit-*.dist-info")).name
    points = next(installed.glob("fwrkit-*.dist-info")) / "entry_points.txt"
    assert "fwrkit = fwrkit.host.cli.entry:main" in points.read_text()


def test_the_license_is_in_it_and_named(installed: Path) -> None:
    place = next(installed.glob("fwrkit-*.dist-info"))
    assert "\nLicense-Expression: Apache-2.0\n" in (place / "METADATA").read_text()
    assert (place / "licenses" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert "Apache License" in (ROOT / "LICENSE").read_text() and "END OF TERMS AND CONDITIONS" in (ROOT / "LICENSE").read_text()


def test_tests_are_not_in_it(installed: Path) -> None:
    assert {path.name.partition("-")[0] for path in installed.iterdir()} == {"fwrkit"}


def test_an_editable_install_needs_the_package_only(tmp_path: Path) -> None:
    root = copy(tmp_path / "checkout", "pyproject.toml", "LICENSE", "hatch_build.py", "fwrkit")
    with zipfile.ZipFile(build(root, tmp_path, "build_editable")) as wheel:
        assert not [name for name in wheel.namelist() if "_context" in name]


def test_a_wheel_without_its_sources_is_not_built(tmp_path: Path) -> None:
    root = copy(tmp_path / "checkout", "pyproject.toml", "LICENSE", "hatch_build.py", "fwrkit", "compose")
    with pytest.raises(AssertionError, match="images"):
        build(root, tmp_path)
