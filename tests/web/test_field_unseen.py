"""Nobody overwrites what they have not seen: F1, F2, F25 and F33 of the field cases, and their relatives, in a wiki beside the sync agent.

Another citizen's edit arrives as the agent places it: the hand in the world exchanges a whole file, with the time that it was written at.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import threading
import time
from pathlib import Path

import pytest

from tests.web.browser import Form, Wiki
from tests.web.conftest import Start
from tests.web.node import Node, docker
from tests.web.test_wiki import receive

LINES = [f"line {number}" for number in range(1, 10)]

# the agent's way to place a content: renameat2(RENAME_EXCHANGE) under the site's lock, and a look at what was displaced; prints how many were placed
_EXCHANGE = """
import ctypes, fcntl, os, sys, time
lock = os.open("/srv/fwr/web/www/lock", os.O_RDONLY)
path, stop, pause = sys.argv[1], sys.argv[2], float(sys.argv[3])
rename = ctypes.CDLL(None, use_errno=True).renameat2
deadline = time.time() + 120
count = 0
while not os.path.exists(stop) and time.time() < deadline:
    with open(path, "rb") as file:
        seen = file.read()
    new = seen + b"bob %d\\n" % (count + 1)
    with open("/srv/fwr/private-test", "wb") as file:
        file.write(new)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert rename(-100, b"/srv/fwr/private-test", -100, path.encode(), 2) == 0
    with open("/srv/fwr/private-test", "rb") as file:
        displaced = file.read()
    if displaced != seen:  # not what was agreed on: it goes back, and this delivery comes again
        assert rename(-100, b"/srv/fwr/private-test", -100, path.encode(), 2) == 0
    fcntl.flock(lock, fcntl.LOCK_UN)
    if displaced != seen:
        continue
    count += 1
    time.sleep(pause)
print(count)
"""


@pytest.fixture
def wiki(wiki_client: Node) -> Wiki:
    return Wiki(wiki_client)


def page(*changed: tuple[int, str]) -> str:
    lines = list(LINES)
    for number, text in changed:
        lines[number - 1] = text
    return "\n".join(lines) + "\n"


def open_form(wiki: Wiki, name: str, **parameters: str) -> Form:
    form = Form(wiki.show(name, do="edit", **parameters).text, "dw__editform")
    assert form.fields
    return form


def send(wiki: Wiki, form: Form, text: str, summary: str = "") -> str:
    return wiki.browser.post(form.action, {**form.fields, "wikitext": text, "summary": summary, "do[save]": "1"}).text


def stored(node: Node, name: str) -> str:
    return node.read(f"www/data/pages/{name.replace(':', '/')}.txt") + "\n"


def changes(node: Node, name: str) -> list[list[str]]:
    return [line.split("\t") for line in node.read(f"www/data/meta/{name.replace(':', '/')}.changes").splitlines()]


def test_field_f01_a_form_that_is_behind_is_merged_and_both_are_named(wiki_client: Node, wiki: Wiki) -> None:
    wiki.save("behind:lines", page())
    wiki.save("behind:lines", page((5, "saved twice")))
    form = open_form(wiki, "behind:lines")
    receive(wiki_client, "behind:lines", page((5, "saved twice"), (9, "of bob")), "bob", int(time.time()) - 100)
    send(wiki, form, page((1, "of alice"), (5, "saved twice")), "my reason")
    assert stored(wiki_client, "behind:lines") == page((1, "of alice"), (5, "saved twice"), (9, "of bob"))
    last = changes(wiki_client, "behind:lines")[-1]
    assert (last[4], last[5]) == ("alice", "my reason (merged with the edit of bob)")
    history = wiki.show("behind:lines", do="revisions").text
    assert "merged with the edit of bob" in history
    assert "external edit" not in history


def test_field_f01_the_same_line_gives_the_engines_own_conflict_page(wiki_client: Node, wiki: Wiki) -> None:
    wiki.save("behind:same", page())
    form = open_form(wiki, "behind:same")
    receive(wiki_client, "behind:same", page((4, "of bob")), "bob", int(time.time()) - 100)
    answer = send(wiki, form, page((4, "of alice")), "my reason")
    assert stored(wiki_client, "behind:same") == page((4, "of bob"))
    assert "A newer version of the document you edited exists" in answer
    assert 'of&#160;<strong class="diff-mark">alice</strong>' in answer
    assert 'of&#160;<strong class="diff-mark">bob</strong>' in answer
    # who has seen both may decide
    conflict = Form(answer, "dw__editform")
    assert conflict.fields["summary"] == "my reason"
    wiki.browser.post(conflict.action, {**conflict.fields, "do[save]": "1"})
    assert stored(wiki_client, "behind:same") == page((4, "of alice"))


def test_a_conflict_page_can_be_behind_as_well(wiki_client: Node, wiki: Wiki) -> None:
    wiki.save("behind:twice", page())
    form = open_form(wiki, "behind:twice")
    receive(wiki_client, "behind:twice", page((4, "of bob")), "bob", int(time.time()) - 100)
    conflict = Form(send(wiki, form, page((4, "of alice"))), "dw__editform")
    receive(wiki_client, "behind:twice", page((4, "of bob again")), "bob", int(time.time()) - 50)
    answer = wiki.browser.post(conflict.action, {**conflict.fields, "do[save]": "1"}).text
    assert "A newer version" in answer
    assert stored(wiki_client, "behind:twice") == page((4, "of bob again"))


@pytest.mark.parametrize("seconds", [-100_000, -1, 0])
def test_content_decides_and_no_date(wiki_client: Node, wiki: Wiki, seconds: int) -> None:
    name = f"behind:date{-seconds}"
    wiki.save(name, page())
    when = int(changes(wiki_client, name)[-1][0])
    form = open_form(wiki, name)
    wiki_client.put(f"www/data/pages/{name.replace(':', '/')}.txt", page((2, "of bob")), when + seconds)
    send(wiki, form, page((8, "of alice")))
    assert stored(wiki_client, name) == page((2, "of bob"), (8, "of alice"))
    # and the same content under another date is no other page
    form = open_form(wiki, name)
    wiki_client.sh(f"touch -d @{when - 5000} /srv/fwr/world/www/data/pages/{name.replace(':', '/')}.txt")
    send(wiki, form, page((2, "of bob"), (8, "of alice, again")))
    assert stored(wiki_client, name) == page((2, "of bob"), (8, "of alice, again"))
    assert "merged" not in changes(wiki_client, name)[-1][5]


def test_a_preview_keeps_what_its_form_was_made_from(wiki_client: Node, wiki: Wiki) -> None:
    wiki.save("behind:preview", page())
    form = open_form(wiki, "behind:preview")
    receive(wiki_client, "behind:preview", page((4, "of bob")), "bob", int(time.time()) - 100)
    shown = wiki.browser.post(form.action, {**form.fields, "wikitext": page((4, "of alice")), "do[preview]": "1"}).text
    preview = Form(shown, "dw__editform")
    assert preview.fields["fwrbase"] == form.fields["fwrbase"]
    assert "A newer version" in send(wiki, preview, page((4, "of alice")))
    assert stored(wiki_client, "behind:preview") == page((4, "of bob"))


def test_a_section_that_is_behind_is_merged_into_the_page(wiki_client: Node, wiki: Wiki) -> None:
    sections = "====== One ======\n\nfirst\n\n====== Two ======\n\nsecond\n\n====== Three ======\n\nthird\n"
    wiki.save("behind:sections", sections)
    shown = wiki.show("behind:sections").text
    found = re.search(r'SECTION[^}]*?"range":"(\d+-\d*)"', html.unescape(shown)) or re.search(r'name="range" value="(\d+-\d*)"', shown)
    assert found, "the page has a button for a section"
    form = open_form(wiki, "behind:sections", range=found[1])
    receive(wiki_client, "behind:sections", sections.replace("third", "third, of bob"), "bob", int(time.time()) - 100)
    send(wiki, form, "====== One ======\n\nfirst, of alice\n")
    assert "first, of alice" in stored(wiki_client, "behind:sections")
    assert "third, of bob" in stored(wiki_client, "behind:sections")
    assert "second" in stored(wiki_client, "behind:sections")


def test_a_page_is_not_deleted_by_who_has_not_seen_it(wiki_client: Node, wiki: Wiki) -> None:
    wiki.save("behind:deleted", page())
    form = open_form(wiki, "behind:deleted")
    receive(wiki_client, "behind:deleted", page((4, "of bob")), "bob", int(time.time()) - 100)
    assert "A newer version" in send(wiki, form, "")
    assert stored(wiki_client, "behind:deleted") == page((4, "of bob"))
    send(wiki, open_form(wiki, "behind:deleted"), "")
    assert "does not exist" in wiki.show("behind:deleted").text
    assert changes(wiki_client, "behind:deleted")[-1][2] == "D"
    kept = wiki_client.sh("cd /srv/fwr/world/www/data/attic/behind && for f in deleted.*.gz; do gzip -dc $f; done")
    assert "of bob" in kept


def test_a_page_that_came_into_being_meanwhile_is_not_overwritten(wiki_client: Node, wiki: Wiki) -> None:
    form = open_form(wiki, "behind:new")
    receive(wiki_client, "behind:new", "of bob\n", "bob", int(time.time()) - 100, "C")
    assert "A newer version" in send(wiki, form, "of alice\n")
    assert stored(wiki_client, "behind:new") == "of bob\n\n"[:-1]


def test_a_page_that_was_deleted_meanwhile_is_asked_about(wiki_client: Node, wiki: Wiki) -> None:
    wiki.save("behind:gone", page())
    form = open_form(wiki, "behind:gone")
    wiki_client.sh("rm /srv/fwr/world/www/data/pages/behind/gone.txt")
    assert "A newer version" in send(wiki, form, page((1, "of alice")))


def test_a_form_without_a_base_overwrites_nothing(wiki_client: Node, wiki: Wiki) -> None:
    wiki.save("behind:blind", page())
    form = open_form(wiki, "behind:blind")
    form.fields.pop("fwrbase")
    assert "A newer version" in send(wiki, form, "forged")
    form.fields["fwrbase"] = "../../../conf/local.php"
    assert "A newer version" in send(wiki, form, "forged")
    assert stored(wiki_client, "behind:blind") == page()


def test_an_old_version_is_restored_only_over_what_was_seen(wiki_client: Node, wiki: Wiki) -> None:
    wiki.save("behind:revert", page())
    first = changes(wiki_client, "behind:revert")[0][0]
    wiki.save("behind:revert", page((2, "second")))
    shown = html.unescape(wiki.show("behind:revert", rev=first).text)
    link = re.search(r'href="([^"]*do=revert[^"]*)"', shown)
    assert link
    receive(wiki_client, "behind:revert", page((2, "of bob")), "bob", int(time.time()) - 100)
    assert "has changed since you saw it" in wiki.browser.get(link[1]).text
    assert stored(wiki_client, "behind:revert") == page((2, "of bob"))
    link = re.search(r'href="([^"]*do=revert[^"]*)"', html.unescape(wiki.show("behind:revert", rev=first).text))
    assert link
    wiki.browser.get(link[1])
    assert stored(wiki_client, "behind:revert") == page()


def test_field_f02_edits_that_arrive_while_a_page_is_saved_are_never_lost(wiki_client: Node, wiki: Wiki) -> None:
    """Alice saves line 1 again and again, while hundreds of edits arrive that each add a line: an overwritten one is missed in the end."""
    wiki.save("race:page", page())
    path, stop = "/srv/fwr/world/www/data/pages/race/page.txt", "/srv/fwr/private-stop"
    printed: list[str] = []
    words = ["exec", wiki_client.hand, "python3", "-c", _EXCHANGE, path, stop, "0.003"]
    writer = threading.Thread(target=lambda: printed.append(docker(*words)))
    writer.start()
    saved = 0
    try:
        for number in range(15):
            shown = wiki.show("race:page", do="edit").text
            form = Form(shown, "dw__editform")
            area = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", shown, re.DOTALL)
            assert area
            text = html.unescape(area[1]).rstrip("\n").split("\n")
            text[0] = f"alice {number}"
            answer = send(wiki, form, "\n".join(text) + "\n")
            if "A newer version" not in answer:
                # for a moment the hand shows what it is about to put back
                deadline = time.monotonic() + 10
                while stored(wiki_client, "race:page").split("\n")[0] != f"alice {number}":
                    assert time.monotonic() < deadline, f"save {number} is gone"
                saved += 1
    finally:
        wiki_client.sh(f"touch {stop}")
        writer.join()
    rounds = int(printed[0])
    last = wiki_client.read("www/data/pages/race/page.txt").split("\n")
    assert last[9:] == [f"bob {number}" for number in range(1, rounds + 1)], "no save has put back an older page"
    assert rounds > 15
    assert saved > 5
    assert not wiki_client.sh("ls /srv/fwr/web/www/writing"), "nothing was left behind"


def test_field_f02_of_two_browsers_that_save_at_once_none_is_lost(wiki_client: Node, wiki: Wiki) -> None:
    wiki.save("race:both", page())
    for turn in range(5):
        forms = [open_form(wiki, "race:both"), open_form(wiki, "race:both")]
        lines = stored(wiki_client, "race:both").rstrip("\n").split("\n")
        texts = ["\n".join([f"a {turn}", *lines[1:]]) + "\n", "\n".join([*lines[:8], f"b {turn}"]) + "\n"]
        threads = [threading.Thread(target=send, args=(Wiki(wiki_client), form, text)) for form, text in zip(forms, texts, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        now = stored(wiki_client, "race:both").split("\n")
        assert (now[0], now[8]) == (f"a {turn}", f"b {turn}")
    dates = [line[0] for line in changes(wiki_client, "race:both")]
    assert len(set(dates)) == len(dates), "each version has a date of its own"
    for date in dates:
        assert wiki_client.sh(f"gzip -dc /srv/fwr/world/www/data/attic/race/both.{date}.txt.gz")


def upload(wiki: Wiki, content: bytes) -> None:
    fields = Form(wiki.browser.get("/fwr/lib/exe/mediamanager.php?ns=race").text, "dw__upload").fields
    sent = wiki.browser.upload("/fwr/lib/exe/mediamanager.php", {**fields, "mediaid": "p.png", "ow": "1"}, "upload", "p.png", content)
    assert sent.status == 200


def test_an_upload_that_replaces_what_came_meanwhile_keeps_it_as_an_old_version(wiki_client: Node, wiki: Wiki) -> None:
    def picture(number: int) -> bytes:
        return b"\x89PNG\r\n\x1a\n" + bytes([number]) * 64

    upload(wiki, picture(1))
    wiki_client.put("www/data/media/race/p.png", picture(2), int(time.time()) - 1000)
    upload(wiki, picture(3))
    assert wiki.browser.get("/fwr/lib/exe/fetch.php?media=race:p.png").body == picture(3)
    kept = wiki_client.sh("cd /srv/fwr/world/www/data/media_attic/race && for f in p.*; do base64 -w 0 $f; echo; done").split()
    assert picture(2) in {base64.b64decode(item) for item in kept}
    wiki_client.sh("cd /srv/fwr/world/www/data && rm -r media_attic/race && touch -d '2 days ago' media/race/p.png")
    wiki.browser.get("/fwr/doku.php?id=start&do=media&ns=race&image=race:p.png&delete=race:p.png&sectok=" + fields_token(wiki))
    assert "p.png" not in wiki_client.sh("ls /srv/fwr/world/www/data/media/race 2>/dev/null || true")
    assert "p." in wiki_client.sh("ls /srv/fwr/world/www/data/media_attic/race")


def fields_token(wiki: Wiki) -> str:
    return open_form(wiki, "start").fields["sectok"]


def test_a_filesystem_that_can_not_exchange_files_loses_nothing_of_it(start: Start, tmp_path: Path) -> None:
    rule = {"names": ["renameat2"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22}  # EINVAL, as exFAT answers
    (tmp_path / "seccomp.json").write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    node = start("client", "dokuwiki", citizen="dora", options=("--security-opt", f"seccomp={tmp_path / 'seccomp.json'}"))
    wiki = Wiki(node)
    wiki.save("plain:page", page())
    form = open_form(wiki, "plain:page")
    receive(node, "plain:page", page((9, "of bob")), "bob", int(time.time()) - 100)
    send(wiki, form, page((1, "of alice")))
    assert stored(node, "plain:page") == page((1, "of alice"), (9, "of bob"))
    form = open_form(wiki, "plain:page")
    receive(node, "plain:page", page((1, "of bob"), (9, "of bob")), "bob", int(time.time()) - 50)
    assert "A newer version" in send(wiki, form, page((1, "of alice, again"), (9, "of bob")))
    assert stored(node, "plain:page") == page((1, "of bob"), (9, "of bob"))
    upload(wiki, b"\x89PNG\r\n\x1a\n" + b"1" * 64)
    upload(wiki, b"\x89PNG\r\n\x1a\n" + b"2" * 64)
    assert node.sh("ls /srv/fwr/world/www/data/media_attic/race")
    send(wiki, open_form(wiki, "plain:page"), "")
    assert "does not exist" in wiki.show("plain:page").text
    assert not node.sh("ls /srv/fwr/web/www/writing")


def config(wiki: Wiki) -> Form:
    return Form(wiki.show("start", do="admin", page="config").text, "dw__configform")


def test_settings_that_somebody_else_changed_stay_as_they_are(wiki_client: Node) -> None:
    wiki = Wiki(wiki_client, "/fwr_tour/")
    form = config(wiki)
    settings = wiki_client.read("www_tourist/conf/local.php")
    wiki_client.put("www_tourist/conf/local.php", settings + "\n$conf['tagline'] = 'of bob';\n", int(time.time()) - 1000)
    title = {**form.fields, "config[title]": "of alice"}
    answer = wiki.browser.post("/fwr_tour/doku.php", title)
    assert answer.status == 200
    stored_now = wiki_client.read("www_tourist/conf/local.php")
    assert "'of bob'" in stored_now
    assert "'of alice'" in stored_now
    # and what both have changed is asked about, with nothing saved
    form = config(wiki)
    wiki_client.put("www_tourist/conf/local.php", stored_now + "\n$conf['title'] = 'of bob';\n", int(time.time()) - 900)
    before = wiki_client.read("www_tourist/conf/local.php")
    answer = wiki.browser.post("/fwr_tour/doku.php", {**form.fields, "config[title]": "of alice, again"})
    assert "Somebody else has changed this, too, since you opened the form: title" in answer.text
    assert wiki_client.read("www_tourist/conf/local.php") == before
    assert "local.php.bak.php" not in wiki_client.sh("ls /srv/fwr/world/www_tourist/conf")
    wiki_client.put("www_tourist/conf/local.php", settings)


def test_rules_and_colours_are_saved_only_over_what_was_shown(wiki_client: Node, wiki: Wiki) -> None:
    def hidden(text: str, page: str) -> dict[str, str]:
        form = next(part for part in text.split("<form")[1:] if 'name="fwrbase"' in part)
        pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
        return {"do": "admin", "page": page, "id": "start", **{name: html.unescape(value) for name, value in pairs}}

    rules = wiki_client.read("www/conf/acl.auth.php")
    form = hidden(wiki.show("start", do="admin", page="acl").text, "acl")
    wiki_client.put("www/conf/acl.auth.php", rules + "\nof_bob:*\t@ALL\t0\n", int(time.time()) - 1000)
    answer = wiki.browser.post("/fwr/doku.php", {**form, "cmd[update]": "1", "acl[*][@ALL]": "1"}).text
    assert "Somebody else has changed the rules" in answer
    assert "of_bob" in wiki_client.read("www/conf/acl.auth.php")
    form = hidden(answer, "acl")
    assert "Somebody else" not in wiki.browser.post("/fwr/doku.php", {**form, "cmd[update]": "1", "acl[*][@ALL]": "1"}).text
    assert "of_bob" not in wiki_client.read("www/conf/acl.auth.php")
    # one rule is added to the file as it is
    wiki_client.put("www/conf/acl.auth.php", rules + "\nof_bob:*\t@ALL\t0\n", int(time.time()) - 900)
    one = {
        "do": "admin",
        "page": "acl",
        "ns": "of_alice",
        "sectok": form["sectok"],
        "acl_t": "@ALL",
        "acl_w": "",
        "acl": "1",
        "cmd[save]": "1",
    }
    wiki.browser.post("/fwr/doku.php", one)
    assert "of_bob" in wiki_client.read("www/conf/acl.auth.php")
    assert "of_alice" in wiki_client.read("www/conf/acl.auth.php")
    wiki_client.put("www/conf/acl.auth.php", rules)

    form = hidden(wiki.show("start", do="admin", page="styling").text, "styling")
    wiki_client.put("www/conf/tpl/dokuwiki/style.ini", '[replacements]\n__text__ = "#010203"\n', int(time.time()) - 1000)
    answer = wiki.browser.post("/fwr/doku.php", {**form, "tpl[__text__]": "#040506", "run[save]": "1"}).text
    assert "Somebody else has changed the colours" in answer
    assert "#010203" in wiki_client.read("www/conf/tpl/dokuwiki/style.ini")
    form = hidden(wiki.show("start", do="admin", page="styling").text, "styling")
    wiki.browser.post("/fwr/doku.php", {**form, "tpl[__text__]": "#040506", "run[save]": "1"})
    assert "#040506" in wiki_client.read("www/conf/tpl/dokuwiki/style.ini")
    wiki_client.sh("rm -r /srv/fwr/world/www/conf/tpl")


def test_field_f25_a_draft_and_its_form_outlive_a_restart_and_an_edit_that_arrives(start: Start) -> None:
    node = start("client", "dokuwiki", citizen="carol")
    wiki = Wiki(node)
    wiki.save("draft:page", page())
    form = open_form(wiki, "draft:page")
    wiki.browser.post(form.action, {**form.fields, "wikitext": page((1, "begun")), "do[preview]": "1"})
    node.restart()
    time.sleep(1.1)
    receive(node, "draft:page", page((9, "of bob")), "bob", int(time.time()))
    draft = Form(wiki.show("draft:page", do="draft").text, "dw__editform")
    assert "begun" in draft.fields["wikitext"]
    shown = wiki.browser.post(draft.action, {**draft.fields, "do[recover]": "1"}).text
    recovered = Form(shown, "dw__editform")
    send(wiki, recovered, page((1, "begun, and done")))
    assert stored(node, "draft:page") == page((1, "begun, and done"), (9, "of bob"))
    # the old form, opened before the restart, is sent: the token holds, and what it was made from is known
    answer = send(wiki, form, page((5, "from the old form")))
    assert "Security Token did not match" not in answer
    assert stored(node, "draft:page") == page((1, "begun, and done"), (5, "from the old form"), (9, "of bob"))
    assert not node.sh("cd /srv/fwr/world && find . -path '*/drafts*' -o -name '*salt*' -o -path '*/bases*' -o -name '*.draft'")


def test_drafts_saved_in_the_background_know_their_base_too(wiki_client: Node, wiki: Wiki) -> None:
    wiki.save("draft:ajax", page())
    form = open_form(wiki, "draft:ajax")
    script = wiki.browser.get("/fwr/lib/exe/js.php?t=dokuwiki").text
    assert "input[name=fwrbase]" in script
    fields = {**form.fields, "call": "lock", "id": "draft:ajax", "wikitext": page((1, "begun"))}
    assert json.loads(wiki.browser.post("/fwr/lib/exe/ajax.php", fields).text)["draft"]
    receive(wiki_client, "draft:ajax", page((1, "of bob")), "bob", int(time.time()) - 10)
    draft = Form(wiki.show("draft:ajax", do="draft").text, "dw__editform")
    recovered = Form(wiki.browser.post(draft.action, {**draft.fields, "do[recover]": "1"}).text, "dw__editform")
    assert recovered.fields["fwrbase"] == form.fields["fwrbase"]
    assert "A newer version" in send(wiki, recovered, page((1, "begun")))


def fold(node: Node, name: str, text: str, edits: list[tuple[str, str, int]], merged_at: int) -> None:
    """Place what the server has merged: both authors' lines and old versions, and a text that is younger than both."""
    for edit, author, when in edits:
        receive(node, name, edit, author, when)
    node.put(f"www/data/pages/{name.replace(':', '/')}.txt", text, merged_at)


def test_field_f33_what_the_server_has_merged_names_both_authors(wiki_client: Node, wiki: Wiki) -> None:
    now = int(time.time()) - 500
    receive(wiki_client, "merged:page", page(), "carol", now - 9000, "C")
    merged = page((1, "of bob"), (9, "of dave"))
    fold(wiki_client, "merged:page", merged, [(page((1, "of bob")), "bob", now - 5000), (page((9, "of dave")), "dave", now)], now + 1)
    history = wiki.show("merged:page", do="revisions").text
    assert "the edits of bob and dave, merged" in history
    assert "external edit" not in history
    assert "127.0.0.1" not in history
    assert "<bdi>dave</bdi>" in wiki.show("merged:page").text
    wiki.save("merged:page", page((1, "of bob"), (5, "of alice"), (9, "of dave")))
    lines = changes(wiki_client, "merged:page")
    assert [(line[4], line[5]) for line in lines[-2:]] == [("dave", "the edits of bob and dave, merged"), ("alice", "")]
    kept = wiki_client.sh(f"base64 -w 0 /srv/fwr/world/www/data/attic/merged/page.{now + 1}.txt.gz")
    assert gzip.decompress(base64.b64decode(kept)).decode() == merged


def test_edits_of_one_second_that_were_merged_name_both_authors(wiki_client: Node, wiki: Wiki) -> None:
    now = int(time.time()) - 500
    receive(wiki_client, "merged:second", page(), "carol", now - 9000, "C")
    edits = [(page((1, "of bob")), "bob", now), (page((9, "of dave")), "dave", now)]
    fold(wiki_client, "merged:second", page((1, "of bob"), (9, "of dave")), edits, now + 1)
    assert "the edits of bob and dave, merged" in wiki.show("merged:second", do="revisions").text


def test_a_version_that_kept_its_place_against_a_later_one_has_its_author(wiki_client: Node, wiki: Wiki) -> None:
    now = int(time.time()) - 500
    receive(wiki_client, "merged:kept", page(), "carol", now - 9000, "C")
    receive(wiki_client, "merged:kept", page((1, "of bob")), "bob", now - 100)
    receive(wiki_client, "merged:kept", page((1, "of dave")), "dave", now)
    wiki_client.put("www/data/pages/merged/kept.txt", page((1, "of bob")), now - 100)
    history = wiki.show("merged:kept", do="revisions").text
    assert "kept; a later version is beside it" in history
    assert "external edit" not in history
    wiki.save("merged:kept", page((1, "of alice")))
    assert changes(wiki_client, "merged:kept")[-2][4] == "bob"


def test_an_edit_with_another_program_is_nobodys_merge(wiki_client: Node, wiki: Wiki) -> None:
    now = int(time.time()) - 500
    receive(wiki_client, "merged:none", page(), "carol", now, "C")
    wiki_client.put("www/data/pages/merged/none.txt", page((1, "with vi")), now + 60)
    assert "external edit" in wiki.show("merged:none", do="revisions").text
