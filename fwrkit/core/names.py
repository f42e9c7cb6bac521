"""Names that people choose, and the names derived from them."""

from __future__ import annotations

import re

from fwrkit.core.errors import ExitCode, FwrError

NODE_NAME_LIMIT = 32  # a node's name becomes part of a compose project and of DNS aliases
CITIZEN_NAME_LIMIT = 24  # with the prefix below it must fit a Unix account's 32 bytes
RESERVED_CLIENT_NAMES = frozenset({"server"})
ACCOUNT_PREFIX = "c-"  # keeps citizens apart from the system's accounts, whatever they call themselves
ENROL_ACCOUNT = "enrol"
REQUEST_ACCOUNT = "request"  # opened by any key: it can only ask to be let in
FIRST_UID = 20000  # of citizens' accounts: far from the system's and from those that people give to themselves

_NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9]))*\Z")


def check_node_name(text: str) -> str:
    """Given a node's name, return it. Raise FwrError (USAGE) if it is malformed."""
    return _checked(text, "node", NODE_NAME_LIMIT)


def check_client_name(text: str) -> str:
    """Given the name of a client node, return it. Raise FwrError (USAGE) if it is malformed or reserved."""
    if text in RESERVED_CLIENT_NAMES:
        raise FwrError(ExitCode.USAGE, f"The name '{text}' is reserved for servers.", "Choose another with --name.")
    return check_node_name(text)


def check_citizen_name(text: str) -> str:
    """Given a citizen's name, return it. Raise FwrError (USAGE) if it is malformed."""
    return _checked(text, "citizen", CITIZEN_NAME_LIMIT)


def citizen_name_from_login(login: str) -> str:
    """Given a login name of the host, return the nearest valid citizen name (``operator`` if nothing of it can be used)."""
    folded = re.sub(r"[^a-z0-9]+", "-", login.lower()).strip("-")
    folded = re.sub(r"^[^a-z]+", "", folded)[:CITIZEN_NAME_LIMIT].strip("-")
    return folded or "operator"


def host_of_peer(world_id: str, name: str) -> str:
    """Return under which name the host key of a peer is signed, given its world and its citizen: a server's is the world's id alone."""
    return f"{world_id}.{name}"


def account_of(citizen: str) -> str:
    """Given a citizen's name, return the Unix account on the server, which is also the principal in their certificate."""
    return ACCOUNT_PREFIX + citizen


def _checked(text: str, kind: str, limit: int) -> str:
    if len(text) <= limit and _NAME.match(text):
        return text
    raise FwrError(
        ExitCode.USAGE,
        f"{text!r} is not a name for a {kind}.",
        f"Use 1 to {limit} lower-case letters, digits and single dashes, beginning with a letter.",
    )


SNAPSHOT_NAME_LIMIT = 64
_SNAPSHOT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\Z")
_LIKE_A_VERSION = re.compile(r"[0-9a-fA-F]{4,64}\Z|[0-9]{4}-[0-9]{2}-[0-9]{2}.*\Z")


def check_snapshot_name(text: str) -> str:
    """Given a snapshot's name, return it. Raise FwrError (USAGE) if it is malformed, or could be taken for a version's id or a date."""
    is_name = len(text) <= SNAPSHOT_NAME_LIMIT and _SNAPSHOT.match(text) and ".." not in text and not text.endswith((".", ".lock"))
    if is_name and not _LIKE_A_VERSION.match(text):
        return text
    raise FwrError(
        ExitCode.USAGE,
        f"{text!r} is not a name for a snapshot.",
        f"Use 1 to {SNAPSHOT_NAME_LIMIT} letters, digits, dots, dashes and underscores, not like a version's id or a date.",
    )
