"""What the webhook says of hostile words, which addresses it speaks to, and when it tries again."""

from __future__ import annotations

import ipaddress

import pytest

from clawgroups.dispatcher.webhook.post import Schedule, checked, is_public, masked
from clawgroups.dispatcher.webhook.words import BREAK, KINDS, MOST_TITLE, Note, message, plain
from clawgroups.errors import Invalid
from clawgroups.group.state import RequestKind

SECRET = "T0001/B0002/abcdefghijkl"


def test_every_kind_of_request_can_be_told() -> None:
    assert {kind.value for kind in RequestKind} <= KINDS.keys()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("<!channel> look", "&lt;!channel&gt; look"),
        ("<https://evil.example|the docs>", f"&lt;https:{BREAK}//evil.example|the docs&gt;"),
        ("&lt;!here&gt;", "&amp;lt;!here&amp;gt;"),
        ("@all and @here", f"@{BREAK}all and @{BREAK}here"),
        ("[the docs](https://evil.example)", f"[the docs]{BREAK}(https:{BREAK}//evil.example)"),
        ("see HTTPS://evil.example", f"see HTTPS:{BREAK}//evil.example"),
        ("see www.evil.example, WWW2.evil.example", f"see www{BREAK}.evil.example, WWW2{BREAK}.evil.example"),
        ("mailto:a and tel:110", f"mailto:{BREAK}a and tel:{BREAK}110"),
        ("a: b, c:d, 10:30, a//b", "a: b, c:d, 10:30, a//b"),
        ("one\r\n\n# two\tthree\u2028four", "one # two three four"),
        ("a\x07b\u202ec", "abc"),
    ],
)
def test_words_of_agents_ping_nobody_and_make_no_link(words: str, told: str) -> None:
    assert plain(words, MOST_TITLE) == told


def test_long_words_are_cut_before_they_are_escaped() -> None:
    assert plain("&" * 400, 10) == "&amp;" * 9 + "…"


def test_a_message_holds_every_note_with_links_of_our_own() -> None:
    notes = [
        Note("approval", "g1", "Survey <1>", "g1-2", "worker", "g1-r1", "wants to run rm", "not told"),
        Note("question", "g1", "Survey", "g1-3", "asker", "g1-r2", "asks", "Which <one>?"),
        Note("group_failed", "g1", "Survey"),
    ]
    made = message(notes, "https://claw.example")
    lines = made["text"].split("\n")
    assert lines[0] == (
        "*Approval* · Survey &lt;1&gt; · worker: wants to run rm <https://claw.example/groups/g1?agent=g1-2|Open>"
    )
    assert "Which &lt;one&gt;?" in lines[1]
    assert lines[2].startswith("*Failed* · Survey has ended")
    assert [block["text"]["text"] for block in made["blocks"]] == lines
    assert all(block["text"]["verbatim"] for block in made["blocks"])
    assert "<" not in message(notes[2:], "")["text"]


def test_the_wait_doubles_up_to_a_bound_and_ends_after_some_minutes() -> None:
    schedule = Schedule()
    since, waits = 0.0, []
    while (wait := schedule.wait(len(waits) + 1, since)) is not None:
        waits.append(wait)
        since += wait
    assert waits[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert max(waits) == schedule.most_s
    assert 200 < since <= schedule.give_up_s


def test_the_other_side_may_ask_for_a_longer_wait_but_not_for_any() -> None:
    schedule = Schedule()
    assert schedule.wait(1, 0, 30) == 30
    assert schedule.wait(5, 0, 3) == 16
    assert schedule.wait(1, 0, 86_400) == 120


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.9", "172.20.0.1", "100.64.0.1", "0.0.0.0", "169.254.169.254", "::1", "fd00::1",
     "fe80::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "224.0.0.1", "240.0.0.1"],
)  # fmt: skip
def test_private_addresses_are_known_in_every_form(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    ["", "hooks.example/x", "ftp://hooks.example/x", "https://", "https://me:pw@hooks.example/x", "https://10.0.0.1/x",
     "https://[::1]/x", "http://hooks.example/x", "https://hooks.example/x\u200b", "https://a..b/x",
     f"https://{'a' * 64}.example/x", "https://xn--/x", "https://.example/x"],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_never_shown(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked(f"{url}{SECRET}" if url.endswith("/x") else url, private=False)
    assert SECRET not in str(caught.value.as_dict())


@pytest.mark.parametrize(
    "url",
    ["https://hooks.example./x", "https://hooks_1.example/x", "https://müller.example/x", "https://xn--mller-kva.example/x",
     f"https://{'a' * 63}.example/x", "https://[2606:4700::1111]/x"],
)  # fmt: skip
def test_what_may_be_a_machine_s_name_is_taken(url: str) -> None:
    assert checked(url, private=False).scheme == "https"


def test_consent_lets_private_addresses_in_but_no_cloud_metadata() -> None:
    assert checked("http://10.0.0.1:8065/hooks/x", private=True).port == 8065
    with pytest.raises(Invalid, match="never spoken to"):
        checked("http://169.254.169.254/latest", private=True)


def test_a_masked_address_shows_the_machine_and_four_letters() -> None:
    assert masked(f"https://hooks.slack.com/services/{SECRET}") == "https://hooks.slack.com/…ijkl"
    assert masked("http://10.0.0.1:8065/") == "http://10.0.0.1:8065/"
    assert masked("https://h.example/short") == "https://h.example/…"
    assert masked("") == ""
