"""Cookies as they come and go: one too many is asked about, never one too few."""

from __future__ import annotations

import pytest

from gateway.policy.jar import LONG_AGO, Change, Names, after, carried, changes, every, in_address, path
from tests.support.cost import cost

NOW = 1_800_000_000.0
SIDS = Names(("sid", "wordpress_*", "username-*", "app.id"))


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        (b"sid", True),
        (b"SID", True),
        (b"sid2", False),
        (b"my_sid", False),
        (b"wordpress_", True),
        (b"wordpress_logged_in_1f", True),
        (b"wordpress", False),
        (b"username-127-0-0-1-8888", True),
        (b"app.id", True),
        (b"app_id", True),
        (b"app[id", True),
        (b"app-id", False),
        (b"s%69d", True),
        (b"sid[a]", True),
        (b"sid%00x", True),
        (b"+sid", True),
        (b"\xa0sid", True),
        (b"\xc2\xa0sid\xe3\x80\x80", True),
        (b"\x85sid", True),
        (b"sid%5Ba%5D", True),
        (b" sid\t", True),
        (b"=sid", True),
        (b"sid" * 100, False),
        (b"wordpress_" + b"x" * 500, True),
        (b"", False),
    ],
)
def test_a_name_is_compared_as_the_most_forgiving_app_reads_it(name: bytes, ours: bool) -> None:
    assert (name in SIDS) is ours


@pytest.mark.parametrize("name", ["*a*b", "*a*a*a*b*c", "a*a*a*b", "*a*"])
@pytest.mark.parametrize("cookie", [b"a" * 60000 + b"=1", b"a " * 30000, b"a" + b" " * 60000, b"%61" * 20000 + b"=1"])
def test_however_long_a_name_is_it_is_compared_at_once(name: str, cookie: bytes) -> None:
    assert cost(lambda: carried([(b"cookie", cookie)], Names((name,))), enough=1) <= 1


@pytest.mark.parametrize(
    ("pattern", "name", "ours"),
    [
        ("a*b*c", b"abc", True),
        ("a*b*c", b"a1b2c", True),
        ("a*b*c", b"a1b2", False),
        ("*b*", b"abc", True),
        ("*b", b"bab", True),
        ("a*a", b"a", False),
        ("*_session", b"wiki_session", True),
    ],
)
def test_a_star_stands_for_any_characters(pattern: str, name: bytes, ours: bool) -> None:
    assert (name in Names((pattern,))) is ours


def test_nothing_is_a_session_cookie_where_none_is_named() -> None:
    assert b"" not in Names(()) and b"sid" not in Names(())


@pytest.mark.parametrize(
    ("cookies", "found"),
    [
        ([b"a=1; sid=x; b=2"], [(b"sid", b"x")]),
        ([b"sid=x", b"sid=y"], [(b"sid", b"x"), (b"sid", b"y")]),
        ([b"sid=x; sid=x"], [(b"sid", b"x"), (b"sid", b"x")]),
        ([b"a=1,sid=x"], [(b"sid", b"x")]),
        ([b'a="1;sid=x"'], [(b"sid", b'x"')]),
        ([b"  sid = x "], [(b"sid", b"x")]),
        ([b"=sid=x"], [(b"sid", b"x")]),
        ([b"SID=x=y"], [(b"SID", b"x=y")]),
        ([b"sid"], []),
        ([b"sid="], [(b"sid", b"")]),
        ([b"a=sid=x"], []),
        ([b"a=1 sid=x"], [(b"sid", b"x")]),
        ([b"a=1 sid\t= x y"], [(b"sid", b"x")]),
        ([b"sid=x y"], [(b"sid", b"x y")]),
        ([b'a="1 2" sid="x"'], [(b"sid", b'"x"')]),
        ([], []),
    ],
)
def test_every_session_cookie_of_a_request_is_found(cookies: list[bytes], found: list[tuple[bytes, bytes]]) -> None:
    headers = [(b"accept", b"sid=no"), *((b"cookie", cookie) for cookie in cookies)]
    assert carried(headers, SIDS) == found


@pytest.mark.parametrize(
    ("said", "change"),
    [
        (b"sid=x", [(b"sid", b"x")]),
        (b"sid=x; Path=/; HttpOnly; SameSite=Lax", [(b"sid", b"x")]),
        (b" sid = x ; Secure", [(b"sid", b"x")]),
        (b"sid=a=b", [(b"sid", b"a=b")]),
        (b"other=x", []),
        (b"sid=", [(b"sid", None)]),
        (b'sid=""', [(b"sid", None)]),
        (b"sid=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT", [(b"sid", None)]),
        (b"sid=x; Max-Age=0", [(b"sid", None)]),
        (b"sid=x; max-age = -1", [(b"sid", None)]),
        (b"sid=x; Max-Age=60", [(b"sid", b"x")]),
        (b"sid=x; Max-Age=" + b"9" * 5000, [(b"sid", b"x")]),
        (b"sid=x; Max-Age=00", [(b"sid", None)]),
        (b"sid=x; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", [(b"sid", b"x")]),
        (b"sid=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0", [(b"sid", None)]),
        (b"sid=x; Max-Age=soon", [(b"sid", b"x")]),
        (b"sid=x; Expires=Fri, 15 Jan 2027 07:59:59 GMT", [(b"sid", None)]),
        (b"sid=x; Expires=Fri, 15 Jan 2027 08:00:01 GMT", [(b"sid", b"x")]),
        (b"sid=x; Expires=Fri, 15-Jan-2027 07:59:59 GMT", [(b"sid", None)]),
        (b"sid=x; Expires=whenever", [(b"sid", b"x")]),
        (b"sid=x; Expires=", [(b"sid", b"x")]),
        (b"sid", [(b"sid", None)]),
        (b"", []),
    ],
)
def test_an_answer_sets_a_cookie_or_takes_it_away(said: bytes, change: list[Change]) -> None:
    assert changes([(b"set-cookie", said), (b"x-set-cookie", b"sid=no")], SIDS, NOW) == change


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (b"/a?sid=x", [(b"sid", b"x")]),
        (b"/a;SID=x/b?c=d", [(b"SID", b"x")]),
        (b"/a?b=c&s%69d%3Dx", [(b"s%69d", b"x")]),
        (b"/a%3bsid=x%3Fsid=y", [(b"sid", b"x"), (b"sid", b"y")]),
        (b"/a?wordpress_1=x&my_sid=y", []),
        (b"/sid", []),
        (b"/a?sid", []),
    ],
)
def test_a_session_is_found_in_an_address_by_its_full_name(target: bytes, found: list[tuple[bytes, bytes]]) -> None:
    assert in_address(target, SIDS) == found


def test_changes_keep_the_order_of_the_answer() -> None:
    headers = [(b"set-cookie", each) for each in (b"sid=1", b"a=2", b"sid=", b"wordpress_x=3")]
    assert changes(headers, SIDS, NOW) == [(b"sid", b"1"), (b"sid", None), (b"wordpress_x", b"3")]
    assert every(headers, NOW) == [(b"sid", b"1"), (b"a", b"2"), (b"sid", None), (b"wordpress_x", b"3")]


def test_without_a_clock_what_ended_long_ago_has_ended() -> None:
    ended = (b"set-cookie", b"sid=x; Expires=Thu, 01 Jan 1970 00:00:10 GMT")
    lasts = (b"set-cookie", b"sid=x; Expires=Wed, 01 Jan 2020 00:00:01 GMT")
    assert changes([ended, lasts], SIDS, LONG_AGO) == [(b"sid", None), (b"sid", b"x")]


@pytest.mark.parametrize(
    ("cookies", "changed", "sent"),
    [
        ([b"a=1; sid=x"], [(b"sid", b"y")], b"a=1; sid=y"),
        ([b"a=1; sid=x"], [(b"sid", None)], b"a=1"),
        ([b"sid=x"], [(b"sid", None)], b""),
        ([b"sid=x; sid=z", b"a=1"], [(b"sid", b"y")], b"a=1; sid=y"),
        ([], [(b"sid", b"y"), (b"b", b"2")], b"sid=y; b=2"),
        ([b"a=1"], [(b"sid", b"y"), (b"sid", None)], b"a=1"),
        ([b"a=1"], [(b"sid", None), (b"sid", b"y")], b"a=1; sid=y"),
        ([b"a=1;; ;b=2"], [], b"a=1; b=2"),
        ([], [], b""),
    ],
)
def test_what_a_browser_sends_next(cookies: list[bytes], changed: list[Change], sent: bytes) -> None:
    assert after(cookies, changed) == sent


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (b"sid=x", b""),
        (b"sid=x; Path=/wiki", b"/wiki"),
        (b"sid=x;path = /a ; PATH=/b", b"/b"),
        (b"sid=x; Path=relative", b""),
        (b"sid=x; Path", b""),
        (b"path=/no", b""),
    ],
)
def test_a_path_is_the_last_that_is_named(said: bytes, named: bytes) -> None:
    assert path(said) == named


def test_no_cookie_takes_long() -> None:
    def look() -> None:
        names = Names(("a*b*c*d*e*",))
        assert carried([(b"cookie", b"a" * 30000 + b"=1"), (b"cookie", b"; " * 30000)], names) == []

    assert cost(look, enough=2) <= 2
