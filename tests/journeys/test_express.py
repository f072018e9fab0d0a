"""With the express lane and without it a gateway sends the same bytes, to the app and to the client."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.edge.servers import Seen, read_request, scripted
from tests.journeys.ageing import STALE, signed_in
from tests.journeys.conftest import ROUTES, holding
from tests.support.echo import Echo
from tests.support.processes import PEOPLE, Gateway, gateway
from tests.support.raw import Raw

OWN = re.compile(
    rb"(?mi)^date: [^\r]*|[0-9a-f]{24}|confirm/[\w-]+|localhost:[0-9]+|127\.0\.0\.1:[0-9]+|\"server_time\": [0-9]+"
    rb"|nonce-[\w+/=-]+|csrf[^>]*|\"connection\": [0-9]+|\"auth_time\": [0-9]+|\"x-auth-time\", \"[0-9]+\""
    rb"|content-length: [0-9]+",
    re.IGNORECASE,
)
"""What differs between two gateways, or two moments."""

FRESH = b"Cookie: gateway_session={FRESH}\r\n"
OLD = b"Cookie: gateway_session={OLD}\r\n"
END = b"Host: {HOST}\r\nConnection: close\r\n"
TYPE = b"Content-Type: application/x-www-form-urlencoded\r\n"
SAME = b"Origin: http://{HOST}\r\nSec-Fetch-Site: same-origin\r\n"
CROSS = b"Origin: https://evil.test\r\nSec-Fetch-Site: cross-site\r\n"


def get(target: bytes, fields: bytes = FRESH, method: bytes = b"GET") -> bytes:
    return b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, target, END, fields)


def send(target: bytes, body: bytes, fields: bytes = FRESH + SAME + TYPE, method: bytes = b"POST") -> bytes:
    return b"%b %b HTTP/1.1\r\n%bContent-Length: %d\r\n%b\r\n%b" % (method, target, END, len(body), fields, body)


PAGE = b"Sec-Fetch-Mode: navigate\r\nAccept: text/html\r\n"
PUBLIC, ODD = b"/static/site.css", b"X_Auth_Time: 9\r\nX.Auth-User: eve\r\nX-Forwarded-For: 1.2.3.4\r\nTE: trailers\r\n"
CHUNKS = b"5\r\nemail\r\n5;x=y\r\n=a@b.\r\n0\r\nX-Auth-User: eve\r\n\r\n"
CASES: dict[str, bytes | tuple[bytes, ...]] = {
    "a page": get(b"/notes?a=b%20c&a=%2f"),
    "its head": get(b"/notes", method=b"HEAD"),
    "public, of nobody": get(PUBLIC, b""),
    "public, with a session": get(PUBLIC),
    "public, with a session that there is not": get(PUBLIC, FRESH.replace(b"{FRESH}", b"A" * 43)),
    "not public, of nobody": get(b"/notes", b"Accept: text/html\r\n"),
    "options": get(b"/notes", method=b"OPTIONS"),
    "delete": get(b"/notes/1", FRESH + SAME, b"DELETE"),
    "a method of its own": get(b"/notes", FRESH + SAME, b"MKCOL"),
    "webdav": get(b"/notes", FRESH + SAME + b"Destination: /admin/x\r\n", b"MOVE"),
    "a form": send(b"/notes/new", b"title=x"),
    "a form without a body": send(b"/notes/new", b""),
    "a form of another site": send(b"/notes/new", b"title=x", FRESH + CROSS + TYPE),
    "chunks": b"POST /notes/new HTTP/1.1\r\n%b%bTransfer-Encoding: chunked\r\n\r\n%b" % (END, FRESH + SAME, CHUNKS),
    "a body of a megabyte": send(b"/notes/import", b"x" * (1 << 20)),
    "a body of a megabyte after a head that is too long": send(
        b"/notes/import", b"x" * (1 << 20), FRESH + SAME + b"X-Long: %b\r\n" % (b"x" * 70_000)
    ),
    "chunks of a megabyte": b"POST /n HTTP/1.1\r\n%b%bTransfer-Encoding: chunked\r\n\r\n100000\r\n%b\r\n0\r\n\r\n"
    % (END, FRESH + SAME, b"x" * (1 << 20)),
    "a body in pieces": (send(b"/notes/new", b"title=abcdef")[:-4], b"cd", b"ef"),
    "chunks in pieces": (
        b"PUT /n HTTP/1.1\r\n%b%bTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n" % (END, FRESH + SAME),
        b"3\r\ncde\r\n",
        b"0\r\n\r\n",
    ),
    "a body with GET": send(b"/notes", b"x", method=b"GET"),
    "a head in pieces": (get(b"/notes")[:20], get(b"/notes")[20:]),
    "what nobody may send": get(b"/notes", FRESH + ODD),
    "two cookie fields": get(b"/notes", FRESH + b"Cookie: theme=dark; gateway_x=1; a=b\r\n"),
    "two sessions": get(b"/notes", FRESH + OLD),
    "upper case": get(b"/NOTES/%41"),
    "absolute": get(b"http://{HOST}/notes"),
    "of another host": get(b"http://evil.test/notes"),
    "dots": get(b"/x/../admin/./"),
    "slashes": get(b"//admin//users"),
    "encoded": get(b"/%61dmin%2fusers"),
    "not encoded well": get(b"/%zz"),
    "a bare hash": get(b"/notes#x"),
    "long": get(b"/notes/" + b"x" * 5000),
    "too long": get(b"/notes/" + b"x" * 20000),
    "sensitive, fresh": get(b"/admin/users"),
    "sensitive, head": get(b"/admin", method=b"HEAD"),
    "sensitive, stale": get(b"/admin/users", OLD),
    "sensitive, stale page": get(b"/admin/users", OLD + b"Sec-Fetch-Mode: navigate\r\nAccept: text/html\r\n"),
    "sensitive, of nobody": get(b"/admin/users", b""),
    "sensitive, stale page with a body": send(b"/admin/users", b"x", OLD + PAGE, method=b"GET"),
    "sensitive, stale head of a page": get(b"/admin/users", OLD + PAGE, method=b"HEAD"),
    "sensitive form, stale": send(b"/account/email", b"email=a@b.test", OLD + SAME + TYPE + PAGE),
    "sensitive form, stale, in pieces": (
        send(b"/account/email", b"email=a", OLD + SAME + TYPE + PAGE)[:-4],
        b"l=",
        b"=a",
    ),
    "sensitive form, stale, its body by itself": (
        send(b"/account/email", b"email=a@b.test", OLD + SAME + TYPE + PAGE)[:-14],
        b"email=a@b.test",
    ),
    "sensitive form, stale, in chunks": b"POST /account/email HTTP/1.1\r\n%b%bTransfer-Encoding: chunked\r\n\r\n%b"
    % (END, OLD + SAME + TYPE + PAGE, CHUNKS),
    "sensitive form, stale, too large to be kept": send(
        b"/account/email", b"email=" + b"x" * (2 << 20), OLD + SAME + TYPE + PAGE
    ),
    "sensitive call, stale": send(
        b"/account/email", b"email=a@b.test", OLD + SAME + TYPE + b"Sec-Fetch-Mode: cors\r\n"
    ),
    "two sensitive forms at once": send(b"/account/email", b"email=a@b.test", OLD + SAME + TYPE + PAGE).replace(
        b"Connection: close\r\n", b""
    )
    + send(b"/account/email", b"email=c@d.test", OLD + SAME + TYPE + PAGE),
    "a sensitive form, and then no HTTP": send(b"/account/email", b"email=a@b.test", OLD + SAME + TYPE + PAGE).replace(
        b"Connection: close\r\n", b""
    )
    + b"NONSENSE\r\n\r\n",
    "two sensitive pages at once": get(b"/admin/1", OLD + PAGE).replace(b"Connection: close\r\n", b"")
    + get(b"/admin/2", OLD + PAGE),
    "sensitive form": send(b"/account/email", b"email=a@b.test"),
    "sensitive form of another site": send(b"/account/email", b"email=a@b.test", FRESH + CROSS + TYPE),
    "sensitive every time": get(b"/account/delete"),
    "of a verifier that they have not": get(b"/vault/1"),
    "another method on a sensitive path": get(b"/account/email"),
    "a method in the query": get(b"/account/email?_method=POST"),
    "a method in a field": get(b"/account/email", FRESH + b"X-HTTP-Method-Override: POST\r\n"),
    "a ticket": get(b"/notes", FRESH + b"Cookie: gateway_ticket_abcdefgh=abcdefgh.%b\r\n" % (b"x" * 32)),
    "our own page": get(b"/.gateway/static/base.css"),
    "no host": b"GET /notes HTTP/1.1\r\nConnection: close\r\n\r\n",
    "another host": b"GET /notes HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n",
    "http 1.0": b"GET /notes HTTP/1.0\r\nHost: {HOST}\r\n" + FRESH + b"\r\n",
    "expecting": send(b"/notes/new", b"title=x", FRESH + SAME + TYPE + b"Expect: 100-continue\r\n"),
    "two at once": get(b"/notes").replace(b"Connection: close\r\n", b"") + get(b"/notes/2"),
    "two, the second is no HTTP": get(b"/notes").replace(b"Connection: close\r\n", b"") + b"NONSENSE\r\n\r\n",
    "an app that says 204": get(b"/204"),
    "an app that says 304": get(b"/304"),
    "an app that hints": get(b"/103"),
    "an app of HTTP/1.0": get(b"/http10"),
    "an app that sets cookies": get(b"/cookies"),
    "an app with trailers": get(b"/trailer"),
    "an app that takes its time": get(b"/drip?n=3&ms=20"),
    "an app that fails": get(b"/status?code=503"),
    "an app that hangs up": get(b"/close"),
    "an app that hangs up on a form": send(b"/close", b"x=y"),
    "an app that stops half-way": get(b"/half"),
    "an app that stops half-way in chunks": get(b"/half-chunked"),
    "an app that is no HTTP": get(b"/garbage"),
    "an app that says two lengths": get(b"/two-lengths"),
    "a large answer": get(b"/big?bytes=3000000"),
}


@pytest.fixture(scope="module")
def app() -> Iterator[Echo]:
    with Echo() as started:
        yield started


@pytest.fixture(scope="module")
def twins(app: Echo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Gateway]]:
    """Alike but for the lane: with it, and without."""
    folder: Path = tmp_path_factory.mktemp("twins")
    text = ROUTES.format(upstream=app.url)
    with (
        gateway(folder / "on", text, env={"GATEWAY_EXPRESS": "on"}) as on,
        gateway(folder / "off", text, env={"GATEWAY_EXPRESS": "off"}) as off,
    ):
        yield on, off


@pytest.fixture(scope="module")
def people(twins: tuple[Gateway, Gateway]) -> dict[int, tuple[str, str]]:
    """Fresh and stale."""
    sessions = {}
    for each in twins:
        stale = signed_in(each.folder, "alice", ago=STALE)
        sessions[each.port] = (signed_in(each.folder, "alice"), stale)
    return sessions


def talk(gate: Gateway, sessions: tuple[str, str], pieces: tuple[bytes, ...]) -> bytes:
    """All that comes back until the end."""
    fresh, old = sessions
    said = b""
    with socket.create_connection(("127.0.0.1", gate.port), timeout=10) as client:
        for piece in pieces:
            whole = piece.replace(b"{HOST}", b"localhost:%d" % gate.port)
            client.sendall(whole.replace(b"{FRESH}", fresh.encode()).replace(b"{OLD}", old.encode()))
            time.sleep(0.02 if len(pieces) > 1 else 0)
        try:
            while block := client.recv(1 << 16):
                said += block
        except ConnectionResetError:
            said += b"<reset>"
    return said


@pytest.mark.parametrize("case", CASES)
def test_the_lane_changes_no_byte(
    case: str, app: Echo, twins: tuple[Gateway, Gateway], people: dict[int, tuple[str, str]]
) -> None:
    pieces = CASES[case] if isinstance(CASES[case], tuple) else (CASES[case],)
    told, reached = [], []
    for gate in twins:
        talk(gate, people[gate.port], (get(b"/warm"),))  # the lane takes connections that are there
        before = len(app.seen)
        said = b"".join(talk(gate, people[gate.port], pieces) for _ in range(3))  # the first time, and once it is known
        told.append(OWN.sub(b"~", said))
        seen = [(each.method, each.target, each.headers, each.body) for each in app.seen[before:]]
        reached.append(OWN.sub(b"~", repr(seen).encode()))
    assert told[0] == told[1]
    assert reached[0] == reached[1]


FORM = send(b"/account/email?a=%20b", b"email=a%40b.te", OLD + SAME + TYPE + PAGE)


def goes_on(gate: Gateway, token: str, app: Echo, pieces: tuple[bytes, ...]) -> None:
    """It is kept, and sent byte for byte when its owner has confirmed."""
    said = talk(gate, ("", token), pieces)
    assert said.startswith(b"HTTP/1.1 303 ")
    (location,) = re.findall(rb"(?m)^location: ([^\r]+)", said)
    with holding(gate, token) as alice:
        alice.get(location.decode())
        assert "a@b.te" in alice.page.text
        before = len(app.seen)
        assert alice.confirm(PEOPLE["alice"]).status_code == 200
    (seen,) = app.seen[before:]
    assert (seen.method, seen.target, seen.body) == ("POST", "/account/email?a=%20b", b"email=a%40b.te")


@pytest.mark.parametrize("cut", [(), (-14,), (-14, -6), (30, -3)], ids=["whole", "body", "two", "head"])
def test_a_form_that_is_kept_goes_on_byte_for_byte(
    cut: tuple[int, ...], app: Echo, twins: tuple[Gateway, Gateway]
) -> None:
    pieces = tuple(FORM[start:end] for start, end in pairwise((0, *(at % len(FORM) for at in cut), len(FORM))))
    for gate in twins:
        goes_on(gate, signed_in(gate.folder, "alice", ago=STALE), app, pieces)


def test_so_does_one_with_a_head_that_passed_while_the_proof_was_fresh(
    app: Echo, twins: tuple[Gateway, Gateway]
) -> None:
    fresh_for, max_age = 3, 300
    tokens = {gate.port: signed_in(gate.folder, "alice", ago=max_age - fresh_for) for gate in twins}
    for gate in twins:
        for _ in range(2):
            assert talk(gate, ("", tokens[gate.port]), (FORM,)).startswith(b"HTTP/1.1 200 ")
    time.sleep(fresh_for + 1)
    for gate in twins:
        goes_on(gate, tokens[gate.port], app, (FORM,))


@pytest.mark.parametrize(
    "target",
    [
        *(b"/notes/2?a=b", b"/admin/users", b"/static/site.css", b"/.gateway/account", b"/%2egateway/account"),
        *(b"/notes?x#y", b"/notes#x", b"/notes?x=%zz", b"/%zz", b"/notes?a=\xe9", b"http://{HOST}/notes"),
        *(b"http://evil.test/notes", b"//admin", b"/x/..;/admin", b"/account/email?_method=POST", b"*", b"notes"),
    ],
)
def test_nor_does_it_on_a_connection_that_it_knows(
    target: bytes, app: Echo, twins: tuple[Gateway, Gateway], people: dict[int, tuple[str, str]]
) -> None:
    told, reached = [], []
    for gate in twins:
        host, (fresh, _) = b"localhost:%d" % gate.port, people[gate.port]
        head = b"GET %b HTTP/1.1\r\nHost: " + host + b"\r\nCookie: gateway_session=" + fresh.encode() + b"\r\n\r\n"
        with Raw(gate.port) as client:
            for _ in range(2):
                client.send(head % b"/warm")
                assert client.answer().status == 200
            before = len(app.seen)
            client.send(head % target.replace(b"{HOST}", host))
            answer = client.answer()
        fields = [field for field in answer.headers if field[0] != "date"]
        said = (fields, answer.body) if b"gateway" not in target else ()  # pages of ours have tokens
        told.append((answer.status, OWN.sub(b"~", repr(said).encode())))
        seen = [(each.method, each.target, each.headers, each.body) for each in app.seen[before:]]
        reached.append(OWN.sub(b"~", repr(seen).encode()))
    assert told[0] == told[1]
    assert reached[0] == reached[1]


def test_a_sensitive_request_that_needs_a_second_connection_is_noted_once_and_answered(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    async def script(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The first connection is dead to its second request."""
        first = seen.connections == 1
        while True:
            seen.requests.append(await read_request(reader))
            if first and len(seen.requests) == 2:
                return
            writer.write(answer)
            await writer.drain()

    with scripted(script) as app, gateway(tmp_path, ROUTES.format(upstream=app.url)) as gate:
        cookie = b"Cookie: gateway_session=" + signed_in(gate.folder, "alice").encode()
        head = b"GET %b HTTP/1.1\r\nHost: localhost:%d\r\n%b\r\n\r\n"
        with Raw(gate.port) as client:
            for target in (b"/notes", b"/admin/users", b"/admin/more"):
                client.send(head % (target, gate.port, cookie))
                assert (client.answer().status, app.connections) == (200, 1 if target == b"/notes" else 2)
        assert [each.split(b" ")[1] for each in app.requests] == [b"/notes", *[b"/admin/users"] * 2, b"/admin/more"]
        noted = [line["path"] for line in gate.audit() if line["event"] == "decision"]
        assert noted == ["/admin/users", "/admin/more"]
