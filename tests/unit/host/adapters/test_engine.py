"""Why Docker does not answer, told apart by what was raised."""

from __future__ import annotations

from pathlib import Path

import docker.errors
import pytest
import requests.exceptions

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import engine


def failing(error: BaseException) -> FwrError:
    with pytest.raises(FwrError) as raised, engine._translated():
        raise error
    return raised.value


def test_it_does_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with pytest.raises(FwrError) as raised:
        engine.Engine()
    assert raised.value.code == ExitCode.NO_ENGINE
    assert "DOCKER_HOST" in raised.value.hint


def test_nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(FwrError) as raised:
        engine.Engine()
    assert raised.value.code == ExitCode.NO_ENGINE


def test_not_permitted() -> None:
    inner = requests.exceptions.ConnectionError(("Connection aborted.", PermissionError(13, "Permission denied")))
    nested = docker.errors.DockerException("Error while fetching server API version")
    nested.__cause__ = requests.exceptions.ConnectionError(PermissionError(13, "Permission denied"))
    for error in (nested,):
        said = failing(error)
        assert (said.code, said.message) == (ExitCode.NO_ENGINE, "You are not permitted to use Docker.")
    assert failing(inner).code == ExitCode.NO_ENGINE


def test_no_answer_in_time() -> None:
    assert "in time" in failing(requests.exceptions.ReadTimeout()).message


def test_a_refusal_has_dockers_words() -> None:
    said = failing(docker.errors.APIError("x", explanation="name is in use"))
    assert (said.code, "name is in use" in said.message) == (ExitCode.FAILED, True)


def test_a_build_step_that_fails_is_one_sentence() -> None:
    assert list(engine._build_lines({"stream": "Step 1/2\n ---> x\n"}, "t")) == ["Step 1/2", " ---> x"]
    with pytest.raises(FwrError) as raised:
        list(engine._build_lines({"error": "The command\nreturned 100", "errorDetail": {}}, "fwrkit-base:1"))
    assert raised.value.message == "Building fwrkit-base:1 failed: The command returned 100"
