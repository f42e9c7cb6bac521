"""The life of an invite, and of the citizen whom it lets in."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fwrkit import __version__
from fwrkit.agent.files.ignore import IgnoreList
from fwrkit.agent.keys import fingerprint, make_key, pem_of_seed, public_key, write_private
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.enrolment import GATE, Enrolment
from fwrkit.agent.server.fold import Fold
from fwrkit.agent.server.history import History
from fwrkit.agent.server.publishing import Publisher
from fwrkit.agent.server.register import Petition, Register
from fwrkit.agent.server.store import Store
from fwrkit.agent.settings import Settings
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.invites import Invite, decode
from fwrkit.core.names import FIRST_UID


class Office:
    """A world's enrolment, and machines that come to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "state"
        for directory in (root / "keys", self.state):
            directory.mkdir()
        self.store = Store(":memory:")
        self.store.set_meta("world_id", "w" * 16)
        self.store.set_meta("world_name", "Utopia")
        self.store.add_citizen("ada", 0, "official", 0)
        authority = Authority(root / "keys", None)
        authority.create()
        self.register = Register(self.store.db)
        self.fold = Fold(self.store, Canon(self.state, self.store, History(self.state / "history.git", "w")), *[IgnoreList(())] * 3)
        publisher = Publisher(self.store, self.register, self.fold)
        self.enrolment = Enrolment(self.store, self.register, authority, self.state, root / "extrausers", publisher, Settings())
        self._numbers = itertools.count()

    def machine(self) -> str:
        """Return a new machine's public key."""
        return make_key(self.root / f"machine-{next(self._numbers)}", "")

    def invite(self, name: str = "alice", expires_in: int = 60) -> Invite:
        return self.enrolment.invite("ada", name, "example.org", 2222, expires_in)

    def enrol(self, invite: Invite, key: str, **more: Any) -> dict[str, Any]:
        """Come with an invite, as the gate passes it on: it knows the invite by the key that opened the account."""
        path = self.root / f"seed-{next(self._numbers)}"
        write_private(path, pem_of_seed(invite.seed))
        request = {"public_key": key, "node_id": "0123456789ab", "version": __version__, **more}
        return self.enrolment.enrol(public_key(path).split()[1], request)

    def key_of(self, name: str) -> str:
        citizen = self.store.citizen(name=name)
        assert citizen is not None
        return citizen.public_key

    def revoked(self) -> list[str]:
        return (self.state / "enrol/revoked_keys").read_text().splitlines()


@pytest.fixture
def office(tmp_path: Path, openssh: None) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.store.close()


def refused(office: Office, invite: Invite, key: str, **more: Any) -> FwrError:
    with pytest.raises(FwrError) as raised:
        office.enrol(invite, key, **more)
    return raised.value


def test_an_invite_says_where_to_and_lets_in(office: Office) -> None:
    invite = office.invite()
    assert decode(invite.encode()) == invite
    assert (invite.host, invite.port, invite.world_name, invite.citizen) == ("example.org", 2222, "Utopia", "alice")
    key = office.machine()
    answer = office.enrol(invite, key)
    assert (answer["citizen"], answer["world"], answer["world_name"]) == ("alice", "w" * 16, "Utopia")
    alice = office.store.citizen(name="alice")
    assert alice is not None
    assert (alice.uid, alice.role, alice.public_key, alice.node_id) == (FIRST_UID, "citizen", key, "0123456789ab")
    assert "c-alice:x:20000:20000:" in (office.root / "extrausers/passwd").read_text()
    assert (office.state / "replicas/alice").is_dir()
    certificate = office.root / "node-cert.pub"
    certificate.write_text(answer["certificate"])
    words = subprocess.run(["ssh-keygen", "-L", "-f", str(certificate)], check=True, capture_output=True, text=True).stdout
    assert "c-alice" in words


def test_each_invite_has_a_secret_of_its_own(office: Office) -> None:
    assert office.invite().seed != office.invite().seed


def test_the_same_key_may_repeat_it_even_when_it_has_expired(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted join finishes."""
    invite, key = office.invite(), office.machine()
    office.enrol(invite, key)
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert office.enrol(invite, key)["citizen"] == "alice"
    assert len([citizen for citizen in office.store.citizens() if citizen.name == "alice"]) == 1
    assert office.revoked() == []


def test_another_key_finds_it_used(office: Office) -> None:
    invite, key = office.invite(), office.machine()
    office.enrol(invite, key)
    error = refused(office, invite, office.machine())
    assert error.code == ExitCode.TAKEN
    assert office.key_of("alice") == key


def test_an_invite_expires(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    invite = office.invite(expires_in=60)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    error = refused(office, invite, office.machine())
    assert error.code == ExitCode.REFUSED
    assert "expired" in error.message
    assert office.store.citizen(name="alice") is None


def test_an_invite_that_never_was(office: Office) -> None:
    office.invite()
    stranger = Invite("h", 1, "w", "w", "a", b"\7" * 32, "alice", 0)
    assert refused(office, stranger, office.machine()).code == ExitCode.REFUSED


def test_a_new_invite_moves_a_citizen_to_a_new_machine(office: Office) -> None:
    first, old = office.invite(), office.machine()
    office.enrol(first, old)
    before = office.store.citizen(name="alice")
    second, new = office.invite(), office.machine()
    office.enrol(second, new, node_id="ba9876543210")
    after = office.store.citizen(name="alice")
    assert before is not None and after is not None
    assert (after.id, after.uid, after.public_key, after.node_id) == (before.id, before.uid, new, "ba9876543210")
    assert office.revoked() == [old]


def test_a_machine_that_is_invited_back_comes_with_another_key(office: Office) -> None:
    """Whatever was signed for the old one is still about."""
    old, new, newer = office.machine(), office.machine(), office.machine()
    office.enrol(office.invite(), old)
    office.enrol(office.invite(), new)
    back = office.invite()
    assert office.enrol(back, old) == {"revoked": True}
    assert office.key_of("alice") == new
    assert office.enrol(back, newer)["citizen"] == "alice", "the invite was not used by that"
    assert office.key_of("alice") == newer
    assert office.revoked() == sorted([old, new], key=office.store.revoked_keys().index)


def test_nobody_comes_under_a_key_that_opens_nothing_any_more(office: Office) -> None:
    """With it, a certificate of the citizen whose key it was would count again, and whoever stole that machine is in."""
    stolen = office.machine()
    office.enrol(office.invite("alice"), stolen)
    asked = office.machine()
    assert office.enrolment.request({"public_key": asked, "node_id": "0123456789ab", "name": "mallory"})["waiting"]
    office.enrol(office.invite("alice"), office.machine())
    office.store.revoke_key(asked, 0)
    club = office.enrolment.invite("ada", "club", "example.org", 2222, 60, 5)
    for answer in (
        office.enrol(office.invite("eve"), stolen),
        office.enrol(club, stolen, name="mallet"),
        request(office, stolen, "mallory"),
    ):
        assert answer == {"revoked": True}
    with pytest.raises(FwrError) as raised:
        office.enrolment.admit("ada", "mallory")
    assert raised.value.code == ExitCode.REFUSED
    assert set(office.revoked()) >= {stolen}
    assert [citizen.name for citizen in office.store.citizens()] == ["ada", "alice"]


def test_nobody_comes_under_another_citizen_s_key(office: Office) -> None:
    """Moved to another machine after that, they would take it from whose it is."""
    key = office.machine()
    office.enrol(office.invite("alice"), key)
    club = office.enrolment.invite("ada", "club", "example.org", 2222, 60, 5)
    assert refused(office, office.invite("eve"), key).code == ExitCode.TAKEN
    assert refused(office, club, key, name="eve").code == ExitCode.TAKEN
    assert office.store.citizen(name="eve") is None
    assert office.key_of("alice") == key and not office.store.revoked_keys()


def test_an_invite_for_several_does_not_bring_a_machine_back_from_which_its_citizen_has_moved(office: Office) -> None:
    club = office.enrolment.invite("ada", "club", "example.org", 2222, 60, 5)
    stolen, new = office.machine(), office.machine()
    office.enrol(club, stolen, name="alice")
    office.enrol(office.invite("alice"), new)
    assert refused(office, club, stolen, name="alice").code == ExitCode.TAKEN
    assert refused(office, club, stolen, name="another").code == ExitCode.TAKEN
    assert office.key_of("alice") == new
    assert office.revoked() == [stolen]


def test_an_old_machine_does_not_come_back_with_its_old_invite(office: Office) -> None:
    """The citizen was moved away from it, perhaps because it was stolen: what it once used opens nothing any more."""
    first, old = office.invite(), office.machine()
    office.enrol(first, old)
    new = office.machine()
    office.enrol(office.invite(), new)
    error = refused(office, first, old)
    assert error.code in (ExitCode.TAKEN, ExitCode.REFUSED)
    assert office.key_of("alice") == new
    assert office.revoked() == [old]


def test_who_is_banned_meanwhile_is_not_let_in(office: Office) -> None:
    used, key = office.invite(), office.machine()
    office.enrol(used, key)
    fresh = office.invite()
    alice = office.store.citizen(name="alice")
    assert alice is not None
    office.store.update_citizen(alice.id, is_banned=1)
    office.store.revoke_key(key, 0)
    with pytest.raises(FwrError) as raised:
        office.invite()
    assert raised.value.code == ExitCode.REFUSED
    for invite, machine in ((used, key), (fresh, office.machine())):
        assert refused(office, invite, machine).code == ExitCode.REFUSED
    assert office.store.revoked_keys() == [key]


def test_uids_are_never_used_again(office: Office) -> None:
    for name in ("alice", "bob", "carol"):
        office.enrol(office.invite(name), office.machine())
    assert [citizen.uid for citizen in office.store.citizens()] == [0, FIRST_UID, FIRST_UID + 1, FIRST_UID + 2]


def test_the_operator_is_not_invited(office: Office) -> None:
    with pytest.raises(FwrError) as raised:
        office.invite("ada")
    assert raised.value.code == ExitCode.TAKEN


@pytest.mark.parametrize("name", ["", "Alice", "a/b", "../x", "a b", "a\n", "-x", "root:0", "a" * 25])
def test_what_is_no_name_is_not_invited(office: Office, name: str) -> None:
    with pytest.raises(FwrError) as raised:
        office.invite(name)
    assert raised.value.code == ExitCode.USAGE
    assert office.store.invites() == []


@pytest.mark.parametrize(
    "more",
    [
        {"public_key": ""},
        {"public_key": "ssh-rsa AAAA"},
        {"public_key": None},
        {"public_key": ["x"]},
        {"node_id": ""},
        {"node_id": "../x"},
        {"node_id": "a" * 65},
        {"node_id": "a b"},
    ],
)
def test_a_malformed_enrolment_uses_nothing_up(office: Office, more: dict[str, Any]) -> None:
    invite, key = office.invite(), office.machine()
    assert refused(office, invite, key, **more).code == ExitCode.USAGE
    assert office.enrol(invite, key)["citizen"] == "alice"


def test_a_key_with_more_words_is_malformed(office: Office) -> None:
    invite, key = office.invite(), office.machine()
    for text in (key + "\nssh-ed25519 AAAA", key + " comment", 'command="x" ' + key, key + "\n"):
        assert refused(office, invite, text).code == ExitCode.USAGE


@pytest.mark.parametrize("version", ["", "0.0.1", "99.0.0", "x"])
def test_another_version_is_told_so(office: Office, version: str) -> None:
    error = refused(office, office.invite(), office.machine(), version=version)
    assert error.code == ExitCode.REFUSED
    assert __version__ in error.message


def test_sshd_reads_what_follows_from_the_tables(office: Office) -> None:
    invite = office.invite()
    [line] = (office.state / "enrol/authorized_keys").read_text().splitlines()
    options, kind, body = line.rsplit(" ", 2)
    assert kind == "ssh-ed25519"
    assert options == f'restrict,command="{GATE} enrol {body}"'
    office.enrol(invite, office.machine())
    first, second = (office.state / "enrol/authorized_keys").read_text().splitlines()
    assert first == line, "repeating an enrolment has to work"
    body = office.key_of("alice").split()[1]
    assert second == f'restrict,command="{GATE} renew {body}" ssh-ed25519 {body}', "and so has renewing a certificate that has expired"
    assert (office.state / "enrol/banned").read_text() == ""


def test_an_invite_is_forgotten_some_time_after_it_expired(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.invite(expires_in=10)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 29 * 86400)
    office.enrolment.write_files()
    assert (office.state / "enrol/authorized_keys").read_text()
    monkeypatch.setattr(time, "time", lambda: now + 31 * 86400)
    office.enrolment.write_files()
    assert (office.state / "enrol/authorized_keys").read_text() == ""


def test_an_invite_for_several_lets_in_so_many_each_under_a_name_of_their_own(office: Office) -> None:
    invite = office.enrolment.invite("ada", "club", "example.org", 2222, 60, 2)
    assert decode(invite.encode()) == invite
    bob, eve, late = office.machine(), office.machine(), office.machine()
    assert office.enrol(invite, bob, name="bob")["citizen"] == "bob"
    assert refused(office, invite, eve, name="bob").code == ExitCode.TAKEN
    assert refused(office, invite, eve, name="No Name").code == ExitCode.USAGE
    assert office.enrol(invite, eve, name="eve")["citizen"] == "eve"
    assert office.enrol(invite, bob, name="anything")["citizen"] == "bob", "repeating it is harmless"
    assert refused(office, invite, late, name="late").code == ExitCode.REFUSED
    assert office.store.citizen(name="club") is None


@pytest.mark.parametrize(("expires", "uses"), [(0, 1), (-5, 1), (10**9, 1), (60, 0), (60, -1), (60, 10**6)])
def test_an_invite_that_makes_no_sense_is_not_made(office: Office, expires: int, uses: int) -> None:
    with pytest.raises(FwrError) as raised:
        office.enrolment.invite("ada", "club", "example.org", 2222, expires, uses)
    assert raised.value.code == ExitCode.USAGE


def request(office: Office, key: str, name: str) -> dict[str, Any]:
    return office.enrolment.request({"public_key": key, "node_id": "0123456789ab", "name": name})


def test_who_asks_is_admitted_by_hand(office: Office) -> None:
    key = office.machine()
    assert request(office, key, "bob")["waiting"] is True
    assert [each["name"] for each in office.enrolment.requests()] == ["bob"]
    assert office.enrolment.requests()[0]["fingerprint"] == fingerprint(key)
    assert office.enrolment.admit("ada", "bob") == {"name": "bob", "fingerprint": fingerprint(key)}
    assert office.enrolment.requests() == []
    assert request(office, key, "bob")["citizen"] == "bob"
    assert office.key_of("bob") == key
    assert [entry.event for entry in office.register.entries()] == ["admit"]


def test_of_two_who_ask_under_one_name_the_key_tells_which_is_meant(office: Office) -> None:
    good, bad = office.machine(), office.machine()
    request(office, good, "bob")
    request(office, bad, "bob")
    with pytest.raises(FwrError) as raised:
        office.enrolment.admit("ada", "bob")
    assert raised.value.code == ExitCode.USAGE and fingerprint(good) in raised.value.message
    office.enrolment.admit("ada", "bob", fingerprint(good)[:16])
    assert office.key_of("bob") == good
    with pytest.raises(FwrError):
        request(office, bad, "bob")


def test_who_is_turned_down_or_comes_too_late_is_not_admitted(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    request(office, office.machine(), "eve")
    office.enrolment.dismiss("ada", "eve")
    for function in (office.enrolment.dismiss, office.enrolment.admit):
        with pytest.raises(FwrError) as raised:
            function("ada", "eve")
        assert raised.value.code == ExitCode.NOT_FOUND
    request(office, office.machine(), "old")
    later = time.time() + 31 * 86400
    monkeypatch.setattr(time, "time", lambda: later)
    request(office, office.machine(), "new")
    assert [each["name"] for each in office.enrolment.requests()] == ["new"]


def test_requests_are_bounded_and_can_be_closed(office: Office) -> None:
    for number in range(100):
        office.register.petition(Petition(f"ssh-ed25519 {number}", "x", "n", int(time.time())))
    with pytest.raises(FwrError) as raised:
        request(office, office.machine(), "bob")
    assert raised.value.code == ExitCode.REFUSED
    office.store.set_meta("requests", "closed")
    with pytest.raises(FwrError) as raised:
        request(office, office.machine(), "bob")
    assert "takes no requests" in raised.value.message


@pytest.mark.parametrize("change", [{"public_key": "x"}, {"node_id": "a b"}, {"name": "Not A Name"}, {"name": "ada"}])
def test_a_request_that_can_not_be_is_refused(office: Office, change: dict[str, str]) -> None:
    with pytest.raises(FwrError):
        office.enrolment.request({"public_key": office.machine(), "node_id": "0123456789ab", "name": "bob", **change})
    assert office.enrolment.requests() == []


def test_a_certificate_is_renewed_for_who_is_on_the_roll_and_not_banned(office: Office) -> None:
    key = office.machine()
    office.enrol(office.invite(), key)
    assert office.enrolment.renew(key)["citizen"] == "alice"
    with pytest.raises(FwrError):
        office.enrolment.renew(office.machine())
    citizen = office.store.citizen(name="alice")
    assert citizen is not None
    office.store.update_citizen(citizen.id, is_banned=1)
    with pytest.raises(FwrError):
        office.enrolment.renew(key)
    office.enrolment.write_files()
    assert key.split()[1] not in (office.state / "enrol/authorized_keys").read_text().split("renew")[-1]
    assert (office.state / "enrol/banned").read_text() == "alice\n"


def test_a_changed_key_revokes_the_one_before(office: Office) -> None:
    old, new = office.machine(), office.machine()
    office.enrol(office.invite(), old)
    office.enrol(office.invite("bob"), office.machine())
    citizen = office.store.citizen(name="alice")
    assert citizen is not None
    assert office.enrolment.change_key(citizen, new)["citizen"] == "alice"
    assert (office.key_of("alice"), office.revoked()) == (new, [old])
    again = office.store.known_citizen(citizen.id)
    office.enrolment.change_key(again, new)
    assert office.revoked() == [old]
    for key, code in (("nonsense", ExitCode.USAGE), (office.key_of("bob"), ExitCode.TAKEN), (old, ExitCode.REFUSED)):
        with pytest.raises(FwrError) as raised:
            office.enrolment.change_key(again, key)
        assert raised.value.code == code


def test_nobody_comes_under_the_world_s_own_key(office: Office) -> None:
    """Whoever changes it then would have it revoked, and with it all that it has signed."""
    authority = office.enrolment.authority_key
    office.enrol(office.invite(), office.machine())
    alice = office.store.citizen(name="alice")
    assert alice is not None
    asked = {"public_key": authority, "node_id": "0123456789ab", "name": "eve"}
    ways: list[Callable[[], object]] = [
        lambda: office.enrolment.change_key(alice, authority),
        lambda: office.enrol(office.invite("bob"), authority),
        lambda: office.enrolment.request(asked),
    ]
    for come in ways:
        with pytest.raises(FwrError) as raised:
            come()
        assert raised.value.code is ExitCode.TAKEN
    assert office.store.citizen(name="bob") is None and authority not in office.revoked()


def test_a_citizen_has_a_bounded_number_of_new_keys_in_a_day(office: Office) -> None:
    """Each one before is in the roll for good, which everybody has: one citizen could fill everybody's disk, and keep peers from reading it."""
    office.enrol(office.invite(), office.machine())
    alice, keys = office.store.citizen(name="alice"), [office.machine() for _ in range(11)]
    assert alice is not None
    for key in keys[:10]:
        office.enrolment.change_key(office.store.known_citizen(alice.id), key)
    with pytest.raises(FwrError) as raised:
        office.enrolment.change_key(office.store.known_citizen(alice.id), keys[10])
    assert raised.value.code is ExitCode.REFUSED
    assert office.enrolment.change_key(office.store.known_citizen(alice.id), keys[9])["citizen"] == "alice", "to ask again is none"
    assert office.key_of("alice") == keys[9]


def test_an_invite_is_withdrawn(office: Office) -> None:
    invite, club = office.invite("eve"), office.enrolment.invite("olga", "club", "example.org", 2222, 60, 3)
    office.enrol(club, office.machine(), name="alice")
    assert [(each.name, each.by, each.left) for each in office.enrolment.invites.all()] == [("club", "olga", 2), ("eve", "ada", 1)]
    assert office.enrolment.withdraw("ada", "eve") == {"name": "eve", "count": 1}
    assert office.enrolment.withdraw("ada", "club") == {"name": "club", "count": 1}
    for late, more in ((invite, {}), (club, {"name": "mallory"})):
        assert refused(office, late, office.machine(), **more).code == ExitCode.REFUSED
    with pytest.raises(FwrError) as raised:
        office.enrolment.withdraw("ada", "eve")
    assert raised.value.code == ExitCode.NOT_FOUND
    assert (office.state / "enrol/authorized_keys").read_text().count("enrol ") == 1, "who came by one for several may repeat it"
