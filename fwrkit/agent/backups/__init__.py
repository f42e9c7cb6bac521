"""Backups of a node: the archive, what goes into it, and a node made from it again (docs/backup.md)."""
