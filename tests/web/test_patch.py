"""The changes of DokuWiki's engine: each fails the build where the engine is not the one that it was written for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fwrkit.core import commands
from fwrkit.core.commands import Command
from tests.web.node import LABEL, Node, docker

PATCH = Path(__file__).parents[2] / "images/base/rootfs/usr/lib/fwrkit/patch-dokuwiki"


@pytest.fixture(scope="module")
def engine(images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The changed files of the image's engine."""
    names = [
        "inc/init.php",
        "inc/pageutils.php",
        "inc/auth.php",
        "inc/Cache/Cache.php",
        "inc/parserutils.php",
        "inc/indexer.php",
        "inc/common.php",
        "inc/io.php",
        "inc/media.php",
        "inc/Action/Save.php",
        "inc/File/PageFile.php",
        "inc/ChangeLog/ChangeLog.php",
    ]
    return {
        name: docker("run", "--rm", "--label", LABEL, "--entrypoint", "cat", images["client"], f"/usr/share/dokuwiki/{name}")
        for name in names
    }


def test_the_check_of_writable_directories_is_gone_for_those_of_the_world(engine: dict[str, str], wiki_server: Node) -> None:
    assert (
        "['datadir', 'olddir', 'mediadir', 'mediaolddir', 'metadir', 'mediametadir'], true) ? fullpath($path) : init_path($path)"
        in engine["inc/init.php"]
    )
    # and it starts on what it may not write, and on what is not there at all
    assert wiki_server.get("/").status == 200
    wiki_server.sh("mv /srv/fwr/world/www_tourist/data/attic /srv/fwr/world/www_tourist/data/gone")
    answer = wiki_server.get("/")
    wiki_server.sh("mv /srv/fwr/world/www_tourist/data/gone /srv/fwr/world/www_tourist/data/attic")
    assert "Setup Error" not in answer.text


def test_every_change_is_in_the_image(engine: dict[str, str]) -> None:
    assert engine["inc/pageutils.php"].count("$conf['localdir'] . '/m") == 2
    assert engine["inc/auth.php"].count("$conf['saltdir'] . '/_htcookiesalt") == 2
    assert engine["inc/File/PageFile.php"].count("throw new \\FwrkitRaced()") == 2
    assert "@unlink($pagefile)" not in engine["inc/File/PageFile.php"]
    assert "FWRKIT_SENT" in engine["inc/Action/Save.php"]
    assert "> $DATE" not in engine["inc/Action/Save.php"]
    assert "fwrkit_name_authors" in engine["inc/ChangeLog/ChangeLog.php"]
    assert "fwrkit_place_media" in engine["inc/media.php"]
    assert engine["inc/io.php"].count("fwrkit_update($file") == 2
    assert "fwrkit_changed($file)" in engine["inc/Cache/Cache.php"]
    assert "fwrkit_changed($pagefn)" in engine["inc/parserutils.php"]
    assert "fwrkit_changed(wikiFN($page))" in engine["inc/indexer.php"]
    assert "elseif (false)" in engine["inc/common.php"]


def test_another_engine_fails_the_build(tmp_path: Path, engine: dict[str, str]) -> None:
    for text in ("<?php\n", engine["inc/init.php"]):  # one that never had the place, one that was changed already
        (tmp_path / "inc").mkdir(exist_ok=True)
        (tmp_path / "inc/init.php").write_text(text)
        done = commands.run(Command([sys.executable, "-I", str(PATCH), str(tmp_path)]), 30)
        assert done.status == 1
        assert b"inc/init.php has 0 times, not once" in done.stderr
