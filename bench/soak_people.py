"""People who never rest: each signs in, reads, changes, confirms, sends, loads and listens, and tries again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Origin

from bench.soak_book import CALL, EACH_TIME, FRESH, Book, Deed, Log, Told
from tests.support.replicas import Browser, Replicas

PASSWORD = "correct horse battery"
MIB = 1 << 20
PATIENCE = 25.0
"""Seconds that people try again after an error before they give up."""

PAUSE = 0.25
THINKS = 300
"""Milliseconds that the app takes for what is sensitive, so that faults find it under way."""

ERRORS = (httpx.TransportError, WebSocketException, OSError)


class GaveUp(Exception):
    """No answer for as long as people have patience."""


class Soaked:
    """One of them, at a browser; `run` until `over` is set."""

    def __init__(self, name: str, front: Replicas, book: Book, log: Log, over: threading.Event) -> None:
        self.name = name
        self._front, self._book, self._log, self._over = front, book, log, over
        self._browser: Browser

    def run(self) -> None:
        self._browser = self._front.browser()
        deeds = (
            self._reads,
            lambda: self._form(FRESH),
            self._uploads,
            lambda: self._form(EACH_TIME),
            self._downloads,
            self._call,
            self._listens,
            self._leaves,
        )
        for deed in cycle(deeds):
            if self._over.is_set():
                self._browser.http.close()
                return
            with suppress(GaveUp):
                deed()
            self._over.wait(PAUSE)

    # one request

    def _timed(self, kind: str, act: Callable[[], httpx.Response]) -> httpx.Response | None:
        """Its answer; None where there is none, or it is the balancer's own."""
        started, answer, trouble = time.monotonic(), None, ""
        try:
            answer = act()
            if answer.status_code >= 500:
                trouble = f"{answer.status_code}"
        except httpx.TransportError as error:
            trouble = type(error).__name__
        self._log.note(kind, time.monotonic() - started, trouble)
        return answer if answer is not None and "nginx/" not in answer.text[-100:] else None

    def _until(self, kind: str, act: Callable[[], httpx.Response], *, stops: bool = True) -> httpx.Response:
        """Again and again until there is an answer below 500. GaveUp."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not (stops and self._over.is_set()):
            answer = self._timed(kind, act)
            if answer is not None and (answer.status_code < 500 or "We do not know" in answer.text):
                return answer
            time.sleep(0.3)
        raise GaveUp

    # what they do

    def _signs_in(self) -> None:
        self._browser.http.close()
        self._browser = browser = self._front.browser()
        self._until("sign-in page", lambda: browser.request("GET", "/.gateway/signin"))
        form = {**browser.hidden(), "username": self.name, "password": PASSWORD}
        self._until("sign-in", lambda: browser.request("POST", "/.gateway/signin", data=form))

    def _knows_me(self, answer: httpx.Response | None) -> bool:
        """Signs in where the answer asks for it."""
        asked = answer is not None and (
            answer.status_code == 401 or "/.gateway/signin" in answer.headers.get("location", "")
        )
        if asked:
            self._signs_in()
        return not asked

    def _reads(self) -> None:
        self._timed("open page", lambda: self._browser.fetch("GET", "/static/site.css"))
        self._knows_me(self._timed("page", lambda: self._browser.request("GET", "/notes")))

    def _form(self, path: str) -> None:
        """A form that is sent, held, confirmed, and goes on."""
        deed = self._book.deed(self.name, path)
        browser, target = self._browser, f"{path}?d={deed.id}&ms={THINKS}"
        answer = self._timed("form", lambda: browser.request("POST", target, data={"email": deed.id}))
        if answer is None or answer.status_code >= 500:
            unsure = answer is not None and answer.status_code != 503  # it may have passed as fresh
            deed.told = Told.NO_ANSWER if answer is None else Told.UNKNOWN if unsure else Told.UNSENT
        elif answer.status_code == 200:
            deed.told = Told.DONE
        elif "/.gateway/confirm/" in answer.headers.get("location", ""):
            self._confirms(deed, answer.headers["location"], lambda: browser.request("GET", target))
        else:
            deed.told = Told.UNSENT
            self._knows_me(answer)

    def _confirms(self, deed: Deed, page: str, goes_on: Callable[[], httpx.Response]) -> None:
        browser, deed.told = self._browser, Told.NO_ANSWER
        for _ in range(3):
            asked = self._until("confirm page", lambda: browser.request("GET", page), stops=False)
            if asked.status_code != 200 or "password" not in asked.text:
                deed.told = Told.UNSENT  # the page is gone, and says so
                self._knows_me(asked)
                return
            deed.confirmed = True  # from the moment that the answer is on its way
            answer = self._timed("confirm", lambda: browser.confirm_only(PASSWORD))
            if answer is not None and answer.status_code == 303:
                self._goes_on(deed, page, answer, goes_on)
                return
            if answer is not None and answer.status_code == 401:
                deed.told = Told.UNSENT  # it was renewed, and the new id got lost on its way
                self._signs_in()
                return

    def _goes_on(self, deed: Deed, page: str, answer: httpx.Response, goes_on: Callable[[], httpx.Response]) -> None:
        if not answer.headers["location"].startswith((deed.path, page)):
            deed.told = Told.UNSENT
            self._knows_me(answer)
            return
        last = self._until("resume", goes_on, stops=False)
        if last.status_code == 200 and last.headers.get("content-type") == "application/json":
            deed.told = Told.DONE if last.json()["method"] == "POST" else Told.PAGE
        elif "We do not know" in last.text:
            deed.told = Told.UNKNOWN
        else:
            deed.told = Told.UNSENT
            self._knows_me(last)

    def _call(self) -> None:
        """A script's call: 401, confirmed in a window of its own, and the same again, once."""
        deed, browser = self._book.deed(self.name, CALL), self._browser

        def call() -> httpx.Response:
            return browser.fetch("POST", CALL, data={"email": deed.id})

        told = self._timed("call", call)
        if told is None or told.status_code != 401 or "/confirm/" not in told.json().get("confirm_url", ""):
            deed.told = Told.UNSENT if told is not None and told.status_code != 200 else Told.NO_ANSWER
            self._knows_me(told)
            return
        page = told.json()["confirm_url"].removeprefix(self._front.url)
        once: list[Told] = []

        def again() -> httpx.Response:
            """No script repeats what may have been done: without an answer nobody knows."""
            if once:
                raise GaveUp
            once.append(Told.UNKNOWN)
            return call()

        with suppress(GaveUp):
            self._confirms(deed, page, again)
            return
        deed.told = once[0] if once else Told.NO_ANSWER

    def _uploads(self) -> None:
        answer = self._timed("upload, 1 MiB", lambda: self._browser.fetch("POST", "/sink", content=bytes(MIB)))
        if answer is not None and answer.status_code == 200 and answer.json()["size"] != MIB:
            self._book.wrong.append(f"an upload arrived with {answer.json()['size']} bytes")
        self._knows_me(answer)

    def _downloads(self) -> None:
        answer = self._timed("download, 1 MiB", lambda: self._browser.fetch("GET", f"/big?bytes={MIB}"))
        if answer is not None and answer.status_code == 200 and len(answer.content) != MIB:
            self._book.wrong.append(f"a download had {len(answer.content)} bytes")
        self._knows_me(answer)

    def _listens(self) -> None:
        token = self._browser.http.cookies.get("gateway_session")
        started, trouble = time.monotonic(), ""
        try:
            with connect(
                f"ws://localhost:{self._front.port}/ws",
                additional_headers={"Cookie": f"gateway_session={token}"},
                origin=Origin(self._front.url),
                open_timeout=10,
                close_timeout=2,
            ) as socket:
                for number in range(5):
                    socket.send(f"{self.name} {number}" * 100)
                    if socket.recv(10) != f"{self.name} {number}" * 100:
                        self._book.wrong.append("a websocket said something else than it was told")
        except ERRORS as error:
            trouble = type(error).__name__
        self._log.note("websocket, 5 messages", time.monotonic() - started, trouble)

    def _leaves(self) -> None:
        page = self._timed("account page", lambda: self._browser.request("GET", "/.gateway/account"))
        if page is not None and page.status_code == 200:
            form = self._browser.hidden()
            self._timed("sign-out", lambda: self._browser.request("POST", "/.gateway/signout", data=form))
        self._signs_in()
