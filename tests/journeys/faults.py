"""What the stories of faults share: a person who is asked, and what must hold whatever breaks."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from tests.support.echo import Echo
from tests.support.replicas import STALE, Browser, Replicas

PASSWORD = "correct horse battery"
LIMIT = 12.0
"""Seconds that no request takes longer than, whatever is broken: twice a store's patience, and a little."""

ROUTES = """
[stepup]
max_age = "5m"

[[app]]
name = "notes"
upstream = "{upstream}"
public = ["/static/**"]

  [[app.route]]
  name = "change-email"
  action = "Change your e-mail address"
  methods = ["POST"]
  path = "/account/email"
  show = ["email"]

  [[app.route]]
  name = "hang"
  action = "Wait for an answer"
  methods = ["POST"]
  path = "/hang"

  [[app.route]]
  name = "close"
  action = "Be hung up on"
  methods = ["POST"]
  path = "/close"

  [[app.route]]
  name = "admin"
  action = "Open the administration area"
  path = "/admin/**"
"""


def asked(front: Replicas, who: str, target: str = "/account/email", *, body: str = "") -> Browser:
    """A browser at the confirm page; what it sent is held."""
    browser = front.browser(front.signed_in(who, ago=STALE))
    browser.go("POST", target, data={"email": body or who})
    assert browser.page.status_code == 200, browser.page.text
    return browser


def confirmed(front: Replicas, who: str, target: str = "/account/email", *, body: str = "") -> Browser:
    """A browser that has a ticket, and has not gone on."""
    browser = asked(front, who, target, body=body)
    assert browser.confirm_only(PASSWORD).status_code == 303, browser.page.text
    return browser


def delivered(app: Echo, words: str) -> int:
    """How often the app got that."""
    return len([seen for seen in app.seen if seen.method == "POST" and words.encode() in seen.body])


def got_page(app: Echo, target: str) -> bool:
    """Whether the app was asked for that page, as if what was sent had gone well."""
    return any(seen.method == "GET" and seen.target == target for seen in app.seen)


def timely(act: Callable[[], httpx.Response]) -> httpx.Response:
    """Its answer, which comes within the limit."""
    started = time.monotonic()
    answer = act()
    assert time.monotonic() - started < LIMIT
    return answer


def until(happened: Callable[[], bool], within: float = 15.0) -> None:
    deadline = time.monotonic() + within
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)
