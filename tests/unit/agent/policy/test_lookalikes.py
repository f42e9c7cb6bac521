"""One form for whatever passes for the same name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.policy.lookalikes import FORMS, fold_name, fold_path

names = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("index.html", ["INDEX.html", "index.html.", "index.html. . ", " index.html", "ｉｎｄｅｘ.html", "ind\u200bex.html", "іndех.html",
                        "\ufeffindex.html", "in\u00addex.html", "index․html", "index。html", "𝐢𝐧𝐝𝐞𝐱.html", "index.html\u202e", "i\u034fndex.html",
                        "ındex.html", "İndex.html", "index.html\ufe0f", "ⅰndex.html", "index\x01.html", "index.html\u00a0"]),
        ("office", ["oﬃce", "οffice", "оffісе", "OFFICE"]),
        ("café", ["cafe\u0301", "CAFÉ", "саf\u0435\u0301"]),
        ("strasse", ["straße", "STRASSE", "ſtraſſe"]),
        ("a-b", ["a‐b", "a–b", "a−b", "a－b"]),
        ("alice", ["Alice", "аlice", "alісe", "aliϲe", "ALICE."]),
    ],
)  # fmt: skip
def test_what_passes_for_a_name_has_its_form(name: str, same: list[str]) -> None:
    for form in FORMS:
        assert [other for other in same if fold_name(other, form) != fold_name(name, form)] == []


@pytest.mark.parametrize(("capital", "small"), [("ΗΜΕΡΑ", "ημερα"), ("ΝΑΥΣ", "ναυς"), ("МИР", "мир"), ("ЁЖ", "ёж"), ("ÄÖÜ", "äöü")])
def test_case_is_folded_in_every_alphabet(capital: str, small: str) -> None:
    for form in FORMS:
        assert fold_name(capital, form) == fold_name(small, form)


@pytest.mark.parametrize(("look", "latin"), [("ΗΑΝΟΙ", "hanoi"), ("ηοων", "nowv"), ("РНР", "php"), ("рһр", "php")])
def test_one_of_the_forms_is_that_of_the_latin_look_alike(look: str, latin: str) -> None:
    assert latin in {fold_name(look, form) for form in FORMS}


def test_different_names_stay_different() -> None:
    names = ["a", "b", "1", "l", "o", "0", "x.php", "x.txt", "ä", "мир", "月", "x_php", "x-php", ".x", "x"]
    for form in FORMS:
        assert len({fold_name(name, form) for name in names}) == len(names)


@given(names)
def test_folding_is_stable_and_makes_no_separator(name: str) -> None:
    for form in FORMS:
        folded = fold_name(name, form)
        assert fold_name(folded, form) == folded
        assert folded
        assert "/" not in folded


@given(names)
def test_case_never_matters(name: str) -> None:
    for form in FORMS:
        assert fold_name(name.casefold() or name, form) == fold_name(name, form)


@given(st.text("ab.A /", min_size=1, max_size=20))
def test_the_quick_way_for_ascii_is_the_long_one(name: str) -> None:
    name = name.replace("/", "")
    if name:
        assert fold_name(name, 0) == fold_name(name + "\u200b", 0) or not name.strip(" .")


@given(st.lists(names, min_size=1, max_size=5))
def test_a_path_is_folded_component_by_component(parts: list[str]) -> None:
    for form in FORMS:
        assert fold_path("/".join(parts), form).split("/") == [fold_name(part, form) for part in parts]


@given(st.binary(min_size=1, max_size=12).filter(lambda name: b"/" not in name))
def test_any_bytes_can_be_folded(name: bytes) -> None:
    for form in FORMS:
        assert fold_name(name.decode("utf-8", "surrogateescape"), form)
