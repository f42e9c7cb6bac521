"""A key's seed in shares: lines of words, any so many of which give it back, and fewer nothing. Source: SLIP-39, by its reference library.

What distinguishes sets is SLIP-39's own: 15 random bits that all shares of a set begin with, a checksum in each line, a digest in what is shared.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import shamir_mnemonic
from shamir_mnemonic import MnemonicError, Share
from shamir_mnemonic.wordlist import WORD_INDEX_MAP

from fwrkit.core.errors import ExitCode, FwrError

LEAST, MOST = 2, 16  # of what a set can have: one would be the key itself, and SLIP-39 counts with four bits
WORDS = 33  # of a share of 32 bytes
_SEED = 32  # bytes


def split(seed: bytes, need: int, of: int) -> list[str]:
    """Return so many shares of 32 bytes, any ``need`` of which give them back. Raise FwrError (USAGE)."""
    if not LEAST <= need <= of <= MOST:
        text = f"There can be no {of} shares of which {need} are needed."
        raise FwrError(ExitCode.USAGE, text, f"At least {LEAST} are needed, of at most {MOST}: --need 2 --of 3")
    # a passphrase, which SLIP-39 makes slow to guess, is not used: so the fewest rounds
    [made] = shamir_mnemonic.generate_mnemonics(1, [(need, of)], seed, iteration_exponent=0)
    return [str(line) for line in made]


def combine(lines: Sequence[str]) -> bytes:
    """Given shares, a line each, return the 32 bytes; empty lines and repeated shares do not count.

    Raise FwrError: USAGE (none, or one that is mistyped: which line), REFUSED (too few, or not of one set).
    """
    found: dict[int, tuple[int, Share]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        share = _read(number, line)
        first_number, first = next(iter(found.values()), (number, share))
        known = found.get(share.index, (number, share))[1]
        if share.group_parameters() != first.group_parameters() or share.value != known.value:
            text = f"The share in line {number} is of another set than that in line {first_number}."
            raise FwrError(ExitCode.REFUSED, text, "Shares of one call of `fwrkit shares` belong together: they begin with the same word.")
        found.setdefault(share.index, (number, share))
    if not found:
        raise FwrError(ExitCode.USAGE, "There are no shares.", "Give one line of words for each.")
    shares = [share for _, share in found.values()]
    need = shares[0].member_threshold
    if len(shares) < need:
        are = "is 1 share" if len(shares) == 1 else f"are {len(shares)} shares"
        raise FwrError(ExitCode.REFUSED, f"There {are}, and {need} different ones are needed.", "Ask another official for theirs.")
    try:
        return bytes(shamir_mnemonic.combine_mnemonics([share.mnemonic() for share in shares[:need]]))
    except MnemonicError as error:
        hint = "Shares of one call of `fwrkit shares` belong together."
        raise FwrError(ExitCode.REFUSED, "These shares are not of one set.", hint) from error


def _read(number: int, line: str) -> Share:
    words = line.lower().split()
    for place, word in enumerate(words, start=1):
        if word not in WORD_INDEX_MAP:
            near = difflib.get_close_matches(word, WORD_INDEX_MAP, 1)
            hint = f"Did you mean '{near[0]}'?" if near else "Compare it with the paper."
            raise FwrError(ExitCode.USAGE, f"The share in line {number} is mistyped: its word {place} is none of a share's.", hint)
    if len(words) != WORDS:
        text = f"The share in line {number} is mistyped: it has {len(words)} words, and a share has {WORDS}."
        raise FwrError(ExitCode.USAGE, text, "Write each share in a line of its own, and whole.")
    try:
        share = Share.from_mnemonic(" ".join(words))
    except MnemonicError as error:
        text = f"The share in line {number} is mistyped: its words do not fit to each other (checksum)."
        raise FwrError(ExitCode.USAGE, text, "Compare each word with the paper, and their order.") from error
    if (share.group_count, len(share.value)) != (1, _SEED) or share.member_threshold < LEAST:
        text = f"The share in line {number} is no share of an authority."
        raise FwrError(ExitCode.REFUSED, text, "Give what `fwrkit shares` printed.")
    return share
