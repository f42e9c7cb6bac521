"""fwrkit: a web site that no single person owns.

``core`` runs on both sides, ``agent`` inside the containers, ``host`` on the operator's machine; see docs/architecture.md.
"""

__version__ = "0.1.0"
