"""One browser's conversation with an app, without a browser: its cookies, its fields, and the redirects it follows.

The app is told what it would be told of that person's browser behind the gateway; connections go to the upstream only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import SplitResult, urlsplit

from gateway.identity.forms import Sent
from gateway.identity.http import Answer, Client
from gateway.identity.page import Page, joined
from gateway.identity.text import decoded
from gateway.policy import jar
from gateway.policy.headers import Field

Tell = Callable[[str], None]
"""Takes one plain line for each step; no password, no cookie and no hidden value is ever in it."""

MOST_REDIRECTS = 5

READ_AT_ONCE = 1 << 16
"""Bytes of a page that are read within a few milliseconds."""

AGENT = b"Mozilla/5.0 (compatible; stepup-gateway)"
DEFAULT_PORTS = {"http": 80, "https": 443}


def silent(line: str) -> None:
    """Tells nobody."""


class Site:
    """An app's public address, and where it listens."""

    def __init__(self, origin: str, upstream: str) -> None:
        public, inner = urlsplit(origin), urlsplit(upstream)
        self.origin, self._host, self._proto = origin, public.netloc.encode(), public.scheme.encode()
        self._own = {_place(public), _place(inner)}
        if public.port is None:  # an app may not know that people reach it by https
            self._own |= {(public.hostname, port) for port in DEFAULT_PORTS.values()}

    def inside(self, url: str) -> str | None:
        """The target that an absolute address means on this app; None if it leads out of it."""
        parts = urlsplit(url)
        try:
            if _place(parts) not in self._own:
                return None
        except ValueError:
            return None
        return f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"

    def fields(self, address: str) -> list[Field]:
        """What every request to it carries, for somebody at that address."""
        client = [(b"X-Forwarded-For", address.encode("ascii", "ignore"))] if address else []
        return [
            (b"Host", self._host),
            *client,
            (b"X-Forwarded-Proto", self._proto),
            (b"X-Forwarded-Host", self._host),
        ]


def _place(parts: SplitResult) -> tuple[str | None, int | None]:
    return parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)


class Jar:
    """Cookies of one conversation by name and path (RFC 6265, 5.3). `Domain` is ignored: it names the public host."""

    def __init__(self) -> None:
        self._kept: dict[tuple[bytes, bytes], bytes] = {}

    def take(self, target: str, headers: Sequence[Field]) -> None:
        """What an answer to that target sets and takes away, by the app's own clock."""
        now = _date(headers)
        for field in headers:
            for name, value in jar.every([field], now):
                place = name, _path(field[1], target)
                if value is None:
                    self._kept.pop(place, None)
                else:
                    self._kept[place] = value

    def pairs(self, target: str) -> list[jar.Pair]:
        """Those for that target; longer paths first (5.4)."""
        path = target.partition("?")[0].encode()
        found = [(name, kept, value) for (name, kept), value in self._kept.items() if _within(path, kept)]
        return [(name, value) for name, _, value in sorted(found, key=lambda each: -len(each[1]))]

    def field(self, target: str) -> list[Field]:
        """The Cookie field for that target, where there is something to say."""
        found = self.pairs(target)
        return [(b"Cookie", b"; ".join(name + b"=" + value for name, value in found))] if found else []


def _path(cookie: bytes, target: str) -> bytes:
    return jar.path(cookie) or target.partition("?")[0].rpartition("/")[0].encode() or b"/"


def _within(path: bytes, kept: bytes) -> bool:
    return path == kept or path.startswith(kept if kept.endswith(b"/") else kept + b"/")


def _date(headers: Sequence[Field]) -> float:
    said = next((value for name, value in headers if name == b"date"), b"")
    try:
        return parsedate_to_datetime(said.decode("latin-1")).timestamp()
    except ValueError:
        return jar.LONG_AGO


class Conversation:
    """`target` is that of the page at hand."""

    def __init__(self, client: Client, site: Site, address: str, tell: Tell) -> None:
        self.site, self.tell, self.target = site, tell, ""
        self._client, self._address, self._jar = client, address, Jar()
        self._method = "GET"
        self._read: tuple[Answer, Page] | None = None

    def cookies(self, target: str) -> list[jar.Pair]:
        """What the next request to that target would carry."""
        return self._jar.pairs(target)

    async def get(self, target: str) -> Answer:
        """One step. Raises UpstreamError, as `send` does."""
        return await self._ask("GET", target, [], b"")

    async def send(self, sent: Sent, target: str) -> Answer:
        """A form, sent to that target."""
        more = [(b"Content-Type", sent.content_type.encode())] if sent.content_type else []
        if sent.method != "GET":
            more.append((b"Origin", self.site.origin.encode()))
        return await self._ask(sent.method, target, more, sent.body)

    async def settled(self, answer: Answer) -> Answer | None:
        """The answer that redirects lead to; None if they lead out of the app, nowhere, or want something sent again.
        Raises UpstreamError."""
        for _ in range(MOST_REDIRECTS):
            if not answer.redirects:
                return answer
            if answer.status in {307, 308} and self._method != "GET":
                self.tell("that redirect wants the same sent elsewhere, which is not done")
                return None
            there = self.leads_to(answer)
            if there is None:
                self.tell("that redirect leads out of the app")
                return None
            answer = await self.get(there)
            self.tell(f"GET {shown(there)}: {self.outcome(answer)}")
        if answer.redirects:
            self.tell("the redirects do not end")
            return None
        return answer

    def leads_to(self, answer: Answer) -> str | None:
        """The target of a redirect; None if it is not on this app."""
        url = joined(self.site.origin + self.target, answer.field(b"location").decode("latin-1"))
        return self.site.inside(url) if url else None

    def outcome(self, answer: Answer) -> str:
        """ "302 to /", for a person."""
        if not answer.redirects:
            return str(answer.status)
        there = self.leads_to(answer)
        return f"{answer.status} to {shown(there) if there else 'another place than this app'}"

    async def page(self, answer: Answer) -> Page:
        """What stands in the answer at hand. A long one is read in a thread."""
        if self._read is None or self._read[0] is not answer:
            make = partial(_page, answer, self.site.origin + self.target)
            self._read = answer, make() if len(answer.body) <= READ_AT_ONCE else await asyncio.to_thread(make)
        return self._read[1]

    async def _ask(self, method: str, target: str, more: list[Field], body: bytes) -> Answer:
        before, self.target, self._method = self.target, target, method
        fields = [
            *self.site.fields(self._address),
            (b"User-Agent", AGENT),
            (b"Accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            (b"Accept-Language", b"en"),
            (b"Accept-Encoding", b"gzip"),
            (b"Sec-Fetch-Site", b"same-origin" if before else b"none"),
            (b"Sec-Fetch-Mode", b"navigate"),
            (b"Sec-Fetch-Dest", b"document"),
            *more,
            *self._jar.field(target),
        ]
        if before:
            fields.append((b"Referer", (self.site.origin + before).encode()))
        answer = await self._client.ask(method, target, fields, body)
        self._jar.take(target, answer.headers)
        return answer


def _page(answer: Answer, url: str) -> Page:
    text, codec = decoded(answer.body, answer.field(b"content-type").decode("latin-1"))
    return Page(text, url, codec, whole=answer.whole)


def shown(target: str) -> str:
    """A target for people to read: values of a query may be secret, so they are left out."""
    path, mark, _ = target.partition("?")
    return f"{path}?…" if mark else path
