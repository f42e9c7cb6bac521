"""What people, and other machines' filesystems, take for the same name: one form for all of them. Pure functions.

A form is for refusing only. What is allowed is compared byte by byte.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Greek letters look like one Latin letter when small and like another when capital, so there are two forms; case is folded before either,
# so each of them is the same for both cases. Cyrillic: the letters of which one case at least looks Latin.
_CYRILLIC = dict(zip("авсԁенһіјкмопрԛѕтуԝхѵӏ", "abcdehhijkmonpqstywxvl", strict=True))
_ARMENIAN = dict(zip("օսհոգյ", "ouhnqj", strict=True))
_LATIN = dict(zip("ıȷɑɡɩʋʏøłđħŧƅƽ", "ijagivyoldhtbs", strict=True))
_MARKS = {**dict.fromkeys("‐‑‒–—―−˗⁃﹘ー", "-"), **dict.fromkeys("。·ꓸ・۔٠", "."), **dict.fromkeys("\u2800\u3164", " ")}
_GREEK_CAPITAL = dict(zip("αβεζηικμνορτυχϳ", "abezhikmnoptyxj", strict=True))
_GREEK_SMALL = dict(zip("αβεικορτχγηνυωμϳ", "abeikoptxynvuwuj", strict=True))
_TABLES = tuple(str.maketrans({**_CYRILLIC, **_ARMENIAN, **_LATIN, **_MARKS, **greek}) for greek in (_GREEK_CAPITAL, _GREEK_SMALL))
_LUNATE = str.maketrans("ϲϹ", "cc")  # decomposing makes another sigma of it
FORMS = range(len(_TABLES))

_SLASH = "\u2215"  # what only looks like a separator separates nothing
_ROUNDS = 8  # folding is stable after two or three
# shown as nothing although they are no format characters: fillers, joiners and variation selectors (Unicode: Default_Ignorable_Code_Point)
_UNSEEN = (
    (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2065, 0x2065), (0x3164, 0x3164), (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF),
)  # fmt: skip


def fold_path(path: str, form: int) -> str:
    """Given a path as text and one of :data:`FORMS`, return its form, component by component."""
    return "/".join([fold_name(name, form) for name in path.split("/")])


@lru_cache(maxsize=16384)
def fold_name(name: str, form: int) -> str:
    """Given a component, return its form: compatible characters and case folded, what is not seen removed, look-alikes made Latin.

    A name of which nothing would be left stays as it is.
    """
    if name.isascii() and name.isprintable():
        return _trimmed(name.lower()) or name
    text = name
    for _ in range(_ROUNDS):
        before = text
        text = "".join(char for char in unicodedata.normalize("NFKD", text.translate(_LUNATE)) if not _is_unseen(char))
        text = unicodedata.normalize("NFKD", text.casefold()).translate(_TABLES[form])
        text = unicodedata.normalize("NFKC", text.replace("i\u0307", "i")).replace("/", _SLASH)
        text = _trimmed(text)
        if text == before:
            break
    return text or name


def _trimmed(name: str) -> str:
    """Other filesystems drop dots and spaces at the end; spaces at the beginning are not seen either."""
    return name.lstrip(" ").rstrip(". ")


def _is_unseen(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf") or any(first <= ord(char) <= last for first, last in _UNSEEN)
