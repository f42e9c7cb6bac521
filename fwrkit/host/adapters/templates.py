"""The compose file of a node, rendered from ``compose/compose.yaml.j2``."""

from __future__ import annotations

import json

import jinja2

import fwrkit
from fwrkit.host.adapters import labels, timezones
from fwrkit.host.adapters.context import support_directory
from fwrkit.host.adapters.home import Home
from fwrkit.host.adapters.nodes import WORLD_UID, Node

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104  # what --address asks for


def render(node: Node, home: Home) -> str:
    """Given a node with its image and its home, return the text of its compose file. Raise jinja2.UndefinedError never: tests render all."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(support_directory("compose")),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # YAML: every value goes through the filter below
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["scalar"] = _scalar
    return environment.get_template("compose.yaml.j2").render(
        node=node,
        project=home.project(node.name),
        home=home.identity,
        bind=published_on(node),
        loopback=LOOPBACK,
        uplink=home.network(node.upstream, "uplink") if node.upstream else "",
        default_uid=WORLD_UID,
        timezone=node.timezone or timezones.of_machine(),
        version=fwrkit.__version__,
        labels=labels,
    )


def published_on(node: Node) -> str:
    """Given a node, return the address of this machine that its ports are published on."""
    return EVERYWHERE if node.address else LOOPBACK


def _scalar(value: object) -> str:
    """Given a value, return it as a YAML scalar that Compose does not interpolate: JSON, with ``$`` doubled."""
    return json.dumps(str(value), ensure_ascii=False).replace("$", "$$")
