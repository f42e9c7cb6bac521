"""Labels and names that fwrkit gives to what it makes in Docker."""

from __future__ import annotations

HOME = "org.fwrkit.home"
NODE = "org.fwrkit.node"
ROLE = "org.fwrkit.role"
WORLD = "org.fwrkit.world"
NODE_ID = "org.fwrkit.node-id"
VERSION = "org.fwrkit.version"
CONTEXT = "org.fwrkit.context"

COMPOSE_PROJECT = "com.docker.compose.project"
COMPOSE_NETWORK = "com.docker.compose.network"
COMPOSE_SERVICE = "com.docker.compose.service"
COMPOSE_ONE_OFF = "com.docker.compose.oneoff"
COMPOSE_VOLUME = "com.docker.compose.volume"
