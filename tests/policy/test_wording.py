"""Wordings: pasted from a page, and found on it."""

from __future__ import annotations

import pytest

from gateway.policy.wording import LONGEST, find

NAV = '<li class="user">Signed in as:  <b>{user}</b></li>'


@pytest.mark.parametrize(
    ("said", "page", "found"),
    [
        ("Wrong password", "<p>Wrong password!</p>", "Wrong password"),
        ("Wrong password", "<p>Wrong\n   password!</p>", "Wrong\n   password"),
        ("Wrong password", "<p>Wrongpassword!</p>", None),
        ("Wrong password", "<p>wrong password</p>", None),
        ("a.b (c)? [d]", "x a.b (c)? [d] y", "a.b (c)? [d]"),
        ("a.b", "axb", None),
        ("Try * later", "Try again much later", "Try again much later"),
        ("Try*later", "Trylater", "Trylater"),
        ("Try * later", "Try " + "x" * (LONGEST + 10) + " later", None),
        ("  padded  ", "padded", "padded"),
        (NAV, '<li class="user">Signed in as: <b>alice</b></li>', "alice"),
        (NAV, '<li class="user">Signed in as: <b>Zoë O&#39;Neill &amp; Co</b></li>', "Zoë O'Neill & Co"),
        (NAV, '<li class="user">Signed in as: <b></b></li>', None),
        (NAV, '<li class="user">Signed in as: <b><i>alice</i></b></li>', None),
        (NAV, '<li class="user">Signed in as: <b>al\nice</b></li>', None),
        (NAV, f'<li class="user">Signed in as: <b>{"x" * 256}</b></li>', None),
        ("by {user}, ", "by alice, by bob, ", "alice"),
        ("by {user}.", "by alice", None),
        ('"name": "{user}"', '{"name": "alice", "age": 7}', "alice"),
        ('"name": "{user}"', '{"name": "", "x": "alice"}', None),
        ("Hi*<b>{user}</b>", "Hi, you are <i>welcome</i>, <b>alice</b>", "alice"),
    ],
)
def test_a_wording_is_literal_but_for_its_two_signs(said: str, page: str, found: str | None) -> None:
    assert find(said, page) == found


def test_a_name_is_read_once_and_no_more() -> None:
    assert find("<b>{user}</b>", "<b>&amp;lt;x&amp;gt;</b>") == "&lt;x&gt;"


@pytest.mark.parametrize("said", ["", "  ", "{user}", "*", "{user} *", "by {user}", "by *", "* by", "{user}-{user}."])
def test_what_could_stand_anywhere_is_no_wording(said: str) -> None:
    with pytest.raises(ValueError, match=r"write|enough|needs"):
        find(said, "by alice")
