"""The images to test, and nodes of them. What an earlier run left is removed first; everything is removed in the end, whatever happens."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fwrkit.core import commands
from fwrkit.core.commands import Command
from tests.web.node import Node, remove_all

_BUILD_TIMEOUT = 1800.0
Images = dict[str, str]
Start = Callable[..., Node]


@pytest.fixture(scope="session")
def images() -> Images:
    """The images' tags by role: from the environment, else those of this checkout, built if necessary."""
    named = {role: os.environ.get(f"FWRKIT_TEST_{role.upper()}_IMAGE", "") for role in ("server", "client")}
    if all(named.values()):
        return named
    fwrkit = str(Path(sys.executable).with_name("fwrkit"))
    built = json.loads(commands.check(Command([fwrkit, "images", "build", "--json"]), _BUILD_TIMEOUT).stdout)["data"]
    return {role: tag or built[role] for role, tag in named.items()}


@pytest.fixture(scope="session")
def clean() -> Iterator[None]:
    """Nothing of ours before and after."""
    remove_all()
    yield
    if not os.environ.get("FWRKIT_TEST_KEEP"):
        remove_all()


@pytest.fixture(scope="session")
def start(images: Images, clean: None) -> Start:
    """Return what starts a node: ``start("client", "dokuwiki", citizen="bob")``."""

    def starter(role: str, template: str, **options: object) -> Node:
        return Node.start(role, images[role], template, **options)  # type: ignore[arg-type]

    return starter


@pytest.fixture(scope="session")
def wiki_client(start: Start) -> Node:
    """Alice's node with the two wikis of a new world."""
    return start("client", "dokuwiki")


@pytest.fixture(scope="session")
def wiki_server(start: Start) -> Node:
    """A server with the two wikis of a new world, and a page in each that tells which wiki one sees."""
    node = start("server", "dokuwiki")
    node.put("www/data/pages/secret.txt", "for citizens only")
    node.put("www_tourist/data/pages/open.txt", "for everybody")
    return node


@pytest.fixture(scope="session")
def static_client(start: Start) -> Node:
    """Alice's node with plain pages."""
    return start("client", "static")


@pytest.fixture(scope="session")
def static_server(start: Start) -> Node:
    """A server with plain pages, a secret, and what must not be seen."""
    node = start("server", "static")
    node.put("www/secret.html", "for citizens only")
    node.put("www_tourist/sub/page.html", "<p>a page</p></body>")
    for name in (".hidden", "sub/.git/config", ".htaccess", "CVS/Root"):
        node.put(f"www_tourist/{name}", "hidden")
    links = ("../www/secret.html link.html", "../www linked", "/etc etc")
    node.sh("cd /srv/fwr/world/www_tourist; " + "; ".join(f"ln -s {link}" for link in links))
    return node
