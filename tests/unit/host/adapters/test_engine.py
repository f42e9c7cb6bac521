"""Why Docker does not answer, told apart by what was raised."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import docker.errors
import pytest
import requests
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


def conflict() -> docker.errors.APIError:
    response = requests.Response()
    response.status_code = 409
    return docker.errors.APIError("in progress", response=response)


class Answers:
    """What the engine's API answers of containers and networks, and what it was asked to remove."""

    def __init__(self, fault: docker.errors.APIError | None = None) -> None:
        self.api = self.networks = self
        self.fault = fault
        self.stopped: list[str] = []
        self.removed: list[str] = []

    def containers(self, **_: object) -> list[dict[str, str]]:
        return [{"Id": "one"}, {"Id": "two"}]

    def stop(self, identity: str) -> None:
        self.stopped.append(identity)

    def remove_container(self, identity: str, force: bool) -> None:
        if self.fault is not None:
            raise self.fault
        self.removed.append(identity)

    def list(self, **_: object) -> list[Network]:
        return [Network(self, "free", {}), Network(self, "in use", {"Containers": {"x": {}}}), Network(self, "gone", None)]


@dataclass
class Network:
    """A network: to which containers are attached, None if it went since it was listed."""

    answers: Answers
    name: str
    attrs: dict[str, object] | None

    def reload(self) -> None:
        if self.attrs is None:
            raise docker.errors.NotFound("gone")

    def remove(self) -> None:
        self.answers.removed.append(self.name)


def connected(answers: Answers) -> engine.Engine:
    made = engine.Engine.__new__(engine.Engine)
    made._client = answers  # type: ignore[assignment]
    return made


def test_a_projects_containers_are_stopped_and_removed() -> None:
    answers = Answers()
    connected(answers).remove_containers("project")
    assert sorted(answers.stopped) == sorted(answers.removed) == ["one", "two"]


@pytest.mark.parametrize("fault", [docker.errors.NotFound("gone"), conflict()])
def test_a_container_that_goes_by_itself_is_no_failure(fault: docker.errors.APIError) -> None:
    connected(Answers(fault)).remove_containers("project")


def test_a_container_that_can_not_be_removed_is_one() -> None:
    with pytest.raises(FwrError) as raised:
        connected(Answers(docker.errors.APIError("no"))).remove_containers("project")
    assert raised.value.code == ExitCode.FAILED


def test_a_network_that_somebody_uses_stays() -> None:
    answers = Answers()
    connected(answers).remove_networks("project")
    assert answers.removed == ["free"]
