"""The policy of a new world."""

from __future__ import annotations

_EXPLANATION = """\
# Who may change what in this world. Officials edit this file; everybody else reads it. All of it is explained in docs/policy.md.
#
# Rules are asked from the top; the first one that matches decides, and if none does, the change is allowed. A condition that a rule
# does not have matches everything. Built in, before all rules: readers change nothing, and the records in .fwr are the officials'.
#
# [limits]
# file = "20 MB"      # the largest file that anybody may put
# quota = "2 GB"      # what one citizen's files may add up to
#
# [[rule]]
# name = "only officials publish"
# paths = ["www_tourist/**"]
# except = ["www_tourist/guestbook/**"]
# roles = ["citizen"]
# then = "refuse"     # or "review": an official looks at it first; or "allow"
# reason = "Only officials publish."
"""
# DokuWiki's engine runs what lies in conf/ under these names, and writes them itself when a citizen changes its settings or rights
_DOKUWIKI = """
# No file of this world is run as a program, but for two in which a wiki keeps its settings. A page may be called as a program, too.
[[rule]]
name = "no programs"
paths = [PROGRAMS]
except = ["*/conf/local.php", "*/conf/acl.auth.php"]
operations = ["add", "edit"]
then = "refuse"
reason = "Programs are no part of this world."

[[rule]]
name = "no programs in disguise"
paths = ["*.php.*"]
except = ["*/data/**"]
operations = ["add", "edit"]
then = "refuse"
reason = "Programs are no part of this world."
"""
_STATIC = """
# No file of this world is run as a program, wherever it is served from.
[[rule]]
name = "no programs"
paths = [PROGRAMS, "*.php.*"]
operations = ["add", "edit"]
then = "refuse"
reason = "Programs are no part of this world."
"""
_PHP = """
# The code of this world is in the world: citizens change it, and every node runs it. To leave that to officials:
#
# [[rule]]
# name = "officials program"
# paths = [PROGRAMS]
# roles = ["citizen"]
# then = "review"
"""
_PROGRAMS = '"*.php", "*.php?", "*.phtml", "*.pht", "*.phar", ".htaccess", ".user.ini"'
_TEMPLATES = {"dokuwiki": _DOKUWIKI, "static": _STATIC, "php": _PHP}


def default_text(template: str) -> str:
    """Given a world's template, return the text of its first policy. Templates that are not known have no rule."""
    return _EXPLANATION + _TEMPLATES.get(template, "").replace("PROGRAMS", _PROGRAMS)
