"""What runs inside the containers: the engine of every node, the hub of a server, and what surrounds them.

Start reading at ``main.py`` (verbs) or ``run.py`` (the long-running agent); docs/architecture.md says which file does what.
"""
