"""Which names are this machine's own, and which pages are from here."""

from __future__ import annotations

import pytest

from clawgroups.api.guard import is_local, same_place


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8700",
        "127.9.9.9",
        "localhost",
        "LOCALHOST:1",
        "claw.localhost:80",
        "[::1]",
        "[::1]:8700",
    ],
)
def test_names_of_this_machine_are_local(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.com",
        "evil.com:8700",
        "localhost.evil.com",
        "127.0.0.1.nip.io",
        "0.0.0.0",
        "192.168.1.2",
        "[::]",
        "[::1",
        "::1",
        "127.0.0.1@evil.com",
        "evil.com@127.0.0.1",
        "127.0.0.1/",
        "127.0.0.1 ",
        "2130706433",
        "notlocalhost",
        "127.0.0.1:port",
        "127.0.0.1:123456",
        "[fe80::1%25eth0]",
    ],
)
def test_every_other_name_is_foreign(host: str) -> None:
    assert not is_local(host)


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://127.0.0.1:8700", "127.0.0.1:8700", True),
        ("http://LOCALHOST:8700", "localhost:8700", True),
        ("http://127.0.0.1:8701", "127.0.0.1:8700", False),
        ("http://localhost:8700", "127.0.0.1:8700", False),
        ("null", "127.0.0.1:8700", False),
        ("", "127.0.0.1:8700", False),
        ("file://127.0.0.1:8700", "127.0.0.1:8700", False),
        ("http://[::1", "127.0.0.1:8700", False),
        ("http://user@127.0.0.1:8700", "127.0.0.1:8700", False),
    ],
)
def test_a_page_is_from_here_only_if_its_origin_is_the_very_address(origin: str, host: str, same: bool) -> None:
    assert same_place(origin, host) is same
