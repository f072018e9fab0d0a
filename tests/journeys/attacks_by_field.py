"""Fields that pretend: to be the gateway's, to name another host, to be a session, to come from our own pages."""

from __future__ import annotations

from collections.abc import Iterator

from tests.journeys.attack import CHUNKS, Case, Must, chunked, message

# identity-header: pretending to be who the gateway says one is


SPOOFED = {
    "as it is": ("X-Auth-User: mallory", "X-Auth-Time: 8888888888"),
    "in capitals": ("X-AUTH-USER: mallory", "X-AUTH-TIME: 8888888888"),
    "with underscores": ("X_Auth_User: mallory", "X_AUTH_TIME: 8888888888"),
    "with one underscore": ("X-Auth_User: mallory", "X_Auth-Time: 8888888888"),
    "with dots": ("X.Auth.User: mallory", "X-Auth.Time: 8888888888"),
    "with signs nobody uses": ("X!Auth~User: mallory", "X*Auth*Time: 8888888888"),
    "twice": ("X-Auth-Time: 1", "X-Auth-Time: 8888888888", "X-Auth-User: mallory", "X-Auth-User: mallory"),
    "as a list": ("X-Auth-User: alice, mallory",),
    "the methods": ("X-Auth-Methods: mallory", "x_auth_methods: mallory"),
    "as Connection tokens": ("Connection: x-auth-user, X-Auth-Time, x-auth-methods", "X-Auth-User: mallory"),
    "the name of the server's own user": ("Remote-User: mallory", "REMOTE_USER: mallory", "X-Remote-User: mallory"),
    "where it came from": ("X-Forwarded-For: 88.8.8.8", "X-Real-IP: 88.8.8.8", "Forwarded: for=88.8.8.8"),
    "where it came from, by other names": ("True-Client-IP: 88.8.8.8", "X-Client-IP: 88.8.8.8"),
    "how it came": ("X-Forwarded-Proto: mallory", "X-Forwarded-Scheme: mallory", "X-Forwarded-Ssl: mallory"),
    "where it went": ("X-Forwarded-Host: mallory.test", "X-Original-Host: mallory.test"),
    "where it went, in another spelling": ("X_Forwarded_Host: mallory.test",),
    "a script": ("SCRIPT_NAME: /mallory", "Path-Info: /mallory", "X-Script-Name: /mallory"),
    "a prefix": ("X-Forwarded-Prefix: /mallory",),
    "another path": ("X-Original-URL: /mallory", "X-Rewrite-URL: /mallory", "X-Original-URI: /mallory"),
    "another proxy's path": ("X-Envoy-Original-Path: /mallory",),
    "another method": ("X-Original-Method: mallory", "X-Forwarded-Method: mallory"),
    "a proxy for the app": ("Proxy: http://mallory.test", "Proxy-Connection: mallory"),
    "a framework's own mark": ("X-Middleware-Subrequest: mallory",),
    "a request id": ("X-Request-Id: mallory-mallory",),
    "a protocol to change to": ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
    "hop by hop": ("Keep-Alive: mallory", "TE: trailers, mallory", "Trailer: mallory"),
}

WORDS = ("mallory", "8888888888", "88.8.8.8", "h2c", "aamaaabk")

DISTRACTIONS = {
    "another path for the matcher": "X-Forwarded-Uri: /notes",
    "another original path": "X-Original-URL: /notes",
    "another method for the matcher": "X-Forwarded-Method: OPTIONS",
    "an address that is none": "X-Forwarded-For: a, b, %00",
    "a probe's agent": "User-Agent: kube-probe/1.30",
    "a framework's mark": "X-Middleware-Subrequest: middleware:middleware",
    "an identity": "X-Auth-Time: 8888888888",
    "a token of somebody's": "Authorization: Bearer aa.bb.cc",
    "a script's mark": "X-Requested-With: XMLHttpRequest",
}


# host: which app is meant


HOSTS = {
    "none": (),
    "two": ("Host: {HOST}", "Host: {HOST}"),
    "two different": ("Host: {HOST}", "Host: evil.test"),
    "a list": ("Host: {HOST}, evil.test",),
    "an empty one": ("Host: ",),
    "with a user name": ("Host: a@{HOST}",),
    "with a path": ("Host: {HOST}/notes",),
    "with a port that is none": ("Host: localhost:80a",),
    "with a space": ("Host: {HOST} evil.test",),
}


# session: cookies that are none of ours

COOKIES = {
    "none": (),
    "cut short": ("Cookie: gateway_session=abc",),
    "too long": ("Cookie: gateway_session=" + "A" * 6000,),
    "with signs in it": ('Cookie: {COOKIE}%00"\\;;;=',),
    "in quotes": ('Cookie: gateway_session="' + "A" * 43 + '"',),
    "ours and another of that name": ("Cookie: {COOKIE}; gateway_session=" + "A" * 43,),
    "another of that name and ours": ("Cookie: gateway_session=" + "A" * 43 + "; {COOKIE}",),
    "in two fields that differ": ("Cookie: {COOKIE}", "Cookie: gateway_session=" + "A" * 43),
    "nameless, with our name in its value": ("Cookie: {COOKIE}; =gateway_session=" + "A" * 43,),
    "empty": ("Cookie: gateway_session=",),
    "in capitals": ("Cookie: GATEWAY_SESSION=" + "A" * 43,),
    "somebody's guess": ("Cookie: gateway_session=" + "A" * 43,),
    "a ticket made up": ("Cookie: {COOKIE}; gateway_ticket_AAAAAAAA=" + "A" * 32 + "." + "B" * 32,),
    "a thousand of them": ("Cookie: {COOKIE}; " + "; ".join(f"gateway_ticket_{n:08}=a.b" for n in range(1000)),),
}


# websocket


HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)
OUR_ORIGIN = "Origin: http://{HOST}"

WEBSOCKETS = {
    "to what is sensitive": message("GET /admin/ws", *HANDSHAKE, OUR_ORIGIN),
    "to what is sensitive, spelled otherwise": message("GET //%61dmin/ws", *HANDSHAKE, OUR_ORIGIN),
    "from another site": message("GET /ws", *HANDSHAKE, "Origin: https://evil.test"),
    "from a site that begins like ours": message("GET /ws", *HANDSHAKE, "Origin: http://{HOST}.evil.test"),
    "from another scheme": message("GET /ws", *HANDSHAKE, "Origin: https://{HOST}"),
    "from nowhere": message("GET /ws", *HANDSHAKE, "Origin: null"),
    "without saying from where": message("GET /ws", *HANDSHAKE),
    "from two places": message("GET /ws", *HANDSHAKE, OUR_ORIGIN, "Origin: https://evil.test"),
    "without a session": message("GET /ws", *HANDSHAKE, OUR_ORIGIN, own=("Host: {HOST}",)),
    "of another version": message("GET /admin/ws", *HANDSHAKE[:3], "Sec-WebSocket-Version: 777", OUR_ORIGIN),
    "without a key": message("GET /admin/ws", *HANDSHAKE[:2], HANDSHAKE[3], OUR_ORIGIN),
    "by POST": message("POST /account/email", *HANDSHAKE, OUR_ORIGIN, "Content-Length: 0"),
    "to a hosted page": message("GET /.gateway/account", *HANDSHAKE, OUR_ORIGIN),
    "to a probe": message("GET /.gateway/healthz", *HANDSHAKE, OUR_ORIGIN),
    "to nothing of ours": message("GET /.gateway/x", *HANDSHAKE, OUR_ORIGIN),
}


def cases() -> Iterator[Case]:
    yield from identity()
    for name, own in HOSTS.items():
        yield Case(f"host: {name}", Must.BAD, message("GET /admin/x", own=("Cookie: {COOKIE}", *own)))
    for name, host in {"of another site": "evil.test", "in capitals": "LOCALHOST", "with a dot": "localhost."}.items():
        yield Case(f"host: {name}", Must.ASK, message("GET /admin/x", own=("Cookie: {COOKIE}", f"Host: {host}")))
    for name, own in COOKIES.items():
        yield Case(f"session: {name}", Must.ASK, message("GET /admin/x", own=("Host: {HOST}", *own)))
    for name, raw in WEBSOCKETS.items():
        yield Case(f"websocket: {name}", Must.ASK, raw)


def identity() -> Iterator[Case]:
    """Spoofed fields never arrive, on heads and in trailers, and never change what is asked."""
    for name, fields in SPOOFED.items():
        arrives = (("GET", "/notes", b""),)
        yield Case(f"identity-header: {name}", Must.STRIP, message("GET /notes", *fields), arrives, WORDS)
        if not any(field.startswith("Connection") for field in fields):
            trailer = "".join(field + "\r\n" for field in fields).encode()
            raw = message("POST /notes", CHUNKS, body=chunked(b"a", trailer=trailer))
            yield Case(f"identity-header: {name}, in a trailer", Must.STRIP, raw, (("POST", "/notes", b"a"),), WORDS)
    for name, field in DISTRACTIONS.items():
        yield Case(f"identity-header: {name}", Must.ASK, message("GET /admin/x", field))
    for where in ("/admin/x", "http://{HOST}/admin/x", "/public/../%61dmin/x"):
        yield Case(f"webdav: copied to {where}", Must.ASK, message("COPY /notes/1", f"Destination: {where}"))
    trailer = b"Cookie: a=mallory\r\nHost: mallory.test\r\nContent-Type: mallory/x\r\n"
    raw = message("POST /notes", CHUNKS, body=chunked(b"a", trailer=trailer))
    yield Case("identity-header: other fields, in a trailer", Must.STRIP, raw, (("POST", "/notes", b"a"),), WORDS)
