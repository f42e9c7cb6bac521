"""Docker Engine through docker-py: what is there, and the few things that Compose does not do."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import docker
import docker.errors
import requests.exceptions

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import labels

_ANSWER_TIMEOUT = 60  # seconds without a byte from the engine
_CONFLICT = 409  # HTTP: the removal is in progress
_BUILD_TIMEOUT = 900  # a build step may be silent while it downloads


@dataclass(frozen=True)
class Container:
    """What the engine says of one container. ``state`` and ``health`` are Docker's words, ``health`` is empty without a check."""

    name: str
    service: str
    state: str
    health: str
    exit_code: int
    restarts: int

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self.state == "running"


class Engine:
    """A connection to Docker Engine. Raise FwrError (NO_ENGINE) from the constructor if it does not answer."""

    def __init__(self) -> None:
        with _translated():
            self._client = docker.from_env(timeout=_ANSWER_TIMEOUT)
            self._client.ping()

    def version(self) -> str:
        """Return the engine's version."""
        with _translated():
            return str(self._client.version()["Version"])

    def has_image(self, tag: str) -> bool:
        """Given a tag, say whether the image is here."""
        with _translated():
            return bool(self._client.api.images(name=tag, quiet=True))

    def pull(self, repository: str, tag: str, timeout: float) -> bool:
        """Given an image of a registry, pull it; return False if that fails or a silence lasts longer than ``timeout`` seconds."""
        try:
            client = docker.from_env(timeout=int(timeout))
            client.images.pull(repository, tag=tag)
        except (docker.errors.DockerException, requests.exceptions.RequestException):
            return False
        return True

    def import_image(self, tree: BinaryIO, repository: str, tag: str) -> None:
        """Given the tar of a root file system, make it an image."""
        with _translated():
            api = docker.from_env(timeout=_BUILD_TIMEOUT).api
            # not import_image_from_stream: it announces chunks and sends a file's bytes without, which the engine refuses
            answer = api.import_image(tree, repository=repository, tag=tag, changes=['CMD ["/bin/sh"]'])
            if '"error"' in str(answer):
                raise FwrError(ExitCode.FAILED, f"Docker refused the base image: {answer}.", "Look at the engine's log.")

    def build(self, context: bytes, dockerfile: str, tag: str, arguments: Mapping[str, str], marks: Mapping[str, str]) -> Iterator[str]:
        """Given a tar and a Dockerfile in it, build an image; yield what the build says, line by line.

        ``marks`` become labels. Raise FwrError (FAILED) with the step's own words if a step fails.
        """
        with _translated():
            stream = docker.from_env(timeout=_BUILD_TIMEOUT).api.build(
                fileobj=io.BytesIO(context),
                custom_context=True,
                dockerfile=dockerfile,
                tag=tag,
                buildargs=dict(arguments),
                labels=dict(marks),
                rm=True,
                forcerm=True,
                decode=True,
            )
            for event in stream:
                yield from _build_lines(event, tag)

    def containers(self, project: str) -> list[Container]:
        """Given a compose project, return its services' containers, stopped ones too."""
        with _translated():
            wanted = {"label": [f"{labels.COMPOSE_PROJECT}={project}", f"{labels.COMPOSE_ONE_OFF}=False"]}
            found = self._client.api.containers(all=True, filters=wanted)
            return [each for each in map(self._inspected, (item["Id"] for item in found)) if each is not None]

    def remove_containers(self, project: str) -> None:
        """Given a compose project, stop and remove its containers, those of one run too; each has the time to end that it was made with."""
        with _translated():
            found = self._client.api.containers(all=True, filters={"label": f"{labels.COMPOSE_PROJECT}={project}"})
            if not found:
                return
            with ThreadPoolExecutor(len(found)) as pool:
                list(pool.map(self._remove_container, (item["Id"] for item in found)))

    def _remove_container(self, identity: str) -> None:
        try:
            self._client.api.stop(identity)
            self._client.api.remove_container(identity, force=True)
        except docker.errors.NotFound:  # it went by itself
            return
        except docker.errors.APIError as error:
            if error.status_code != _CONFLICT:  # else it is just going by itself
                raise

    def remove_networks(self, project: str) -> None:
        """Given a compose project, remove the networks that were made for it, but for those to which somebody else's container is attached."""
        with _translated():
            for network in self._client.networks.list(filters={"label": f"{labels.COMPOSE_PROJECT}={project}"}):
                with contextlib.suppress(docker.errors.NotFound):
                    network.reload()
                    if not network.attrs.get("Containers"):
                        network.remove()

    def volumes(self, project: str) -> dict[str, dict[str, str]]:
        """Given a compose project, return its volumes' names with their labels."""
        with _translated():
            found = self._client.volumes.list(filters={"label": f"{labels.COMPOSE_PROJECT}={project}"})
            return {str(each.name): dict(each.attrs.get("Labels") or {}) for each in found}

    def has_volume(self, name: str) -> bool:
        """Given a volume's name, say whether there is one."""
        with _translated():
            try:
                self._client.volumes.get(name)
            except docker.errors.NotFound:
                return False
            return True

    def make_volume(self, name: str) -> None:
        """Given a volume's name, make it."""
        with _translated():
            self._client.volumes.create(name)

    def remove_volume(self, name: str) -> None:
        """Given a volume's name, remove it; it is no error if it is gone."""
        with _translated():
            try:
                self._client.volumes.get(name).remove()
            except docker.errors.NotFound:
                return

    def ensure_network(self, name: str, project: str, key: str) -> None:
        """Given a network's name and which one it is in its project, make it if it is missing, as Compose would."""
        with _translated():
            if not self._client.networks.list(names=[f"^{name}$"]):
                marks = {labels.COMPOSE_PROJECT: project, labels.COMPOSE_NETWORK: key}
                self._client.networks.create(name, driver="bridge", labels=marks)

    def last_lines(self, container: str, count: int) -> list[str]:
        """Given a container, return the last lines of its log; none if it does not exist."""
        with _translated():
            try:
                raw = self._client.api.logs(container, tail=count)
            except docker.errors.NotFound:
                return []
            return bytes(raw).decode(errors="replace").splitlines()

    def _inspected(self, identity: str) -> Container | None:
        try:
            seen = self._client.api.inspect_container(identity)
        except docker.errors.NotFound:  # gone since it was listed
            return None
        state = seen["State"]
        return Container(
            name=str(seen["Name"]).lstrip("/"),
            service=seen["Config"]["Labels"].get(labels.COMPOSE_SERVICE, ""),
            state=state["Status"],
            health=(state.get("Health") or {}).get("Status", ""),
            exit_code=state["ExitCode"],
            restarts=seen["RestartCount"],
        )


def _build_lines(event: dict[str, Any], tag: str) -> Iterator[str]:
    if "error" in event:
        reason = " ".join(str(event["error"]).split())
        raise FwrError(ExitCode.FAILED, f"Building {tag} failed: {reason}", "See what the step printed above; run: fwrkit images build")
    yield from str(event.get("stream", "")).splitlines()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except docker.errors.APIError as error:
        raise FwrError(ExitCode.FAILED, f"Docker refused: {error.explanation or error}", "See: fwrkit doctor") from error
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise _no_engine(error) from error


def _no_engine(error: BaseException) -> FwrError:
    if _has_cause(error, PermissionError):
        return FwrError(ExitCode.NO_ENGINE, "You are not permitted to use Docker.", "Become a member of the group docker, or use sudo.")
    if _has_cause(error, TimeoutError) or isinstance(error, requests.exceptions.ReadTimeout):
        return FwrError(ExitCode.NO_ENGINE, "Docker does not answer in time.", "Look at its log: journalctl -u docker")
    where = os.environ.get("DOCKER_HOST", "")
    hint = f"Check DOCKER_HOST, which is {where}." if where else "Start it (systemctl start docker), or install it: make setup"
    return FwrError(ExitCode.NO_ENGINE, "Docker is not running.", hint)


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        nested = [each for each in error.args if isinstance(each, BaseException)]
        if isinstance(error, kind) or any(_has_cause(each, kind) for each in nested):
            return True
        error = error.__cause__ or error.__context__
    return False
