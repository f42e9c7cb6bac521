"""The policy of a new world lets a template's own programs write what they write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fwrkit.agent.policy import Attempt, decide, default_text, parse
from fwrkit.agent.policy.defaults import _EXPLANATION

TEMPLATES = Path(__file__).parents[4] / "images/base/rootfs/usr/share/fwrkit/templates"
PROGRAMS = ["www/x.php", "www_tourist/a/b.PHP", "x.phtml", "www/x.phar", "www/x.php5", "www/.htaccess", "www/.user.ini", "www/x.php.", "www/x.рһр",
            "www/x (conflict alice 2026-11-24 10.05.21).php", "www/x.php (conflict alice 2026-11-24 10.05.21)", "www/x.php.en"]  # fmt: skip


def action(template: str, path: str, role: str = "citizen", operation: str = "add") -> str:
    return decide(parse(default_text(template)), Attempt(path.encode(), role, "alice", operation, False, 5)).action  # type: ignore[arg-type]


@pytest.mark.parametrize("template", ["dokuwiki", "static"])
@pytest.mark.parametrize("path", PROGRAMS)
def test_nobody_adds_programs(template: str, path: str) -> None:
    for role in ("citizen", "official"):
        assert action(template, path, role) == "refuse"
        assert action(template, path, role, "edit") == "refuse"
        assert action(template, path, role, "delete") == "allow"


@pytest.mark.parametrize("path", PROGRAMS)
@pytest.mark.parametrize("template", ["php", "unknown"])
def test_programs_are_what_a_php_world_consists_of(template: str, path: str) -> None:
    assert action(template, path) == "allow"


@pytest.mark.parametrize("path", [
    "www/conf/local.php", "www_tourist/conf/acl.auth.php", "www/data/pages/how/to.php.txt", "www/data/attic/how/to.php.1700000000.txt.gz",
    "www/data/meta/how/to.php.changes", "www/data/media/x.php.png", "www/data/pages/start.txt", "www/conf/interwiki.local.conf",
])  # fmt: skip
def test_a_wiki_writes_its_settings_and_pages_of_any_name(path: str) -> None:
    assert action("dokuwiki", path) == "allow"


@pytest.mark.parametrize("path", [
    "www/conf/license.local.php", "www/data/pages/x.php", "www/data/media/x.phtml", "www/conf/local.php/x.php", "www/conf/x/local.php",
    "conf/local.php", "www/conf/Local.php", "www/conf/local.php.", "www/conf/lосal.php",
])  # fmt: skip
def test_nothing_else_of_a_wiki_runs(path: str) -> None:
    assert action("dokuwiki", path) == "refuse"


@pytest.mark.parametrize("template", sorted(path.name for path in TEMPLATES.iterdir()))
def test_what_a_template_lays_may_be_edited(template: str) -> None:
    files = [path.relative_to(TEMPLATES / template).as_posix() for path in (TEMPLATES / template).glob("*/**/*") if path.is_file()]
    assert files
    assert [path for path in files if action(template, path, operation="edit") != "allow"] == []


def test_the_example_in_the_comment_is_a_policy() -> None:
    example = re.sub(r"(?m)^# ?", "", _EXPLANATION.split("#\n", 2)[2])
    policy = parse(example)
    assert [rule.name for rule in policy.rules] == ["only officials publish"]
    assert (policy.limits.file, policy.limits.quota) == (20 * 10**6, 2 * 10**9)


def test_limits_are_the_founders_choice() -> None:
    for template in ("dokuwiki", "static", "php"):
        assert parse(default_text(template)).limits.file is None
