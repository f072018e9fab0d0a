"""The request target, and every way an app behind us may understand it.

Rules of this file:

- Nothing here changes what is forwarded. Readings are for matching, and a route is sensitive if any reading is.
- A reading is text in normal form: it begins with "/", is in lower case, has no empty segment and no "/" at its end.
- What servers do to a path is a table of rewrites. The readings are all that can be reached by any of them, in any
  order, with `%XX` decoded at most twice: which server does which, and when, nobody in front of it can know.
- Too much to follow is not "no reading" but ANYTHING, which matches every route and is nowhere public.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from gateway.errors import MalformedRequest
from gateway.policy.text import fold, text, unquoted, unwidened

ANYTHING = frozenset({"**"})
"""The readings of a path that can be read in too many ways."""

DECODINGS = 2
MOST_READINGS = 128
MOST_CHARACTERS = 1 << 16
CACHED_LENGTH = 256

_ABSOLUTE = re.compile(rb"https?://([^/?]+)(.*)", re.IGNORECASE)
_NOT_VISIBLE = re.compile(rb"[^\x21-\x7e]|#")
_BROKEN = re.compile(rb"[^\x21-\x7e]|#|%(?![0-9A-Fa-f]{2}|[uU][0-9A-Fa-f]{4})")

_WORD = rb"[A-Za-z0-9_~@+,=!*&'-]+"
_PLAIN = re.compile(rb"/(?:%b/)*(?:%b)?" % (_WORD, _WORD))
_FILE = re.compile(rb"(/(?:%b/)*(?!index\.|default\.)%b)(?:\.%b)*(\.%b)" % (_WORD, _WORD, _WORD, _WORD), re.IGNORECASE)

_UNRESERVED = re.compile(rb"%(?:2[de]|3[0-9]|[46][1-9a-f]|[57][0-9a]|5f|7e)", re.IGNORECASE)  # RFC 3986, 2.3
_SLASHES = re.compile(r"//+")
_SCRIPT = re.compile(
    r"(/[^/]+)(\.(?:php[0-9]?|phtml|aspx?|ashx|asmx|jspx?|do|action|cgi|fcgi|pl|py|rb|cfm|dll|exe))(?=/)"
)
_INDEX = re.compile(r"/(?:index|default)\.[^/]+$")


def origin_form(target: bytes) -> tuple[bytes | None, bytes]:
    """The authority where the target names one, and the target in origin-form, its bytes untouched (RFC 9112, 3.2).

    Raises MalformedRequest for the forms that only proxies and tunnels take, and for bytes no target may have.
    """
    if _NOT_VISIBLE.search(target):
        raise MalformedRequest("the target has characters that must be percent-encoded")
    if target.startswith(b"/"):
        return None, target
    found = _ABSOLUTE.fullmatch(target)
    if found is None:
        raise MalformedRequest("the target is neither a path nor an http address")
    authority, rest = found.groups()
    if b"@" in authority:
        raise MalformedRequest("the target has a user name in it")  # RFC 9110, 4.2.4
    return authority, rest if rest.startswith(b"/") else b"/" + rest


def readings(path: bytes) -> frozenset[str]:
    """All plausible readings of a path in origin-form, query excluded; ANYTHING if there are too many.

    Raises MalformedRequest only for what breaks the grammar of a path (RFC 3986, 3.3, and `%uXXXX` let through).
    """
    if _PLAIN.fullmatch(path):
        return frozenset((path.decode("ascii").lower().rstrip("/") or "/",))
    found = _FILE.fullmatch(path)
    if found:
        said = path.decode("ascii").lower()
        return frozenset((said, said[: found.end(1)], said[: found.start(2)]))
    return _odd(path) if len(path) > CACHED_LENGTH else _odd_cached(path)


def everywhere(path: bytes, destinations: Iterable[bytes]) -> frozenset[str]:
    """The readings of a path, and of where WebDAV's COPY and MOVE would put it (RFC 4918, 10.3)."""
    seen = readings(path)
    for said in destinations:
        try:
            more = readings(origin_form(said)[1].partition(b"?")[0])
        except MalformedRequest:
            more = ANYTHING
        seen = ANYTHING if ANYTHING in (seen, more) else seen | more
    return seen


def _odd(path: bytes) -> frozenset[str]:
    if not path.startswith(b"/") or _BROKEN.search(path):
        raise MalformedRequest("the path is not properly percent-encoded")
    found: set[str] = set()
    for rewritten in _rewritings(path.lower()):
        if rewritten is None:
            return ANYTHING
        found.update(_served(_normal(rewritten)))
    return frozenset(found) if len(found) <= MOST_READINGS else ANYTHING


_odd_cached = lru_cache(512)(_odd)


def _rewritings(path: bytes) -> Iterator[bytes | None]:
    """`path` and all that rewriting makes of it, each once; None, and no more, when there is too much."""
    left = {path: DECODINGS}
    queue = [(path, DECODINGS)]
    characters = 0
    for said, decodings in queue:
        characters += len(said)
        if len(left) > MOST_READINGS or characters > MOST_CHARACTERS:
            yield None
            return
        yield said
        reached = [(rewrite(said), decodings) for rewrite in _REWRITES]
        if decodings:
            reached.append((unquoted(said).lower(), decodings - 1))
        for each, remaining in reached:
            if left.get(each, -1) < remaining:
                left[each] = remaining
                queue.append((each, remaining))


def _unreserved(path: bytes) -> bytes:
    return _UNRESERVED.sub(lambda found: unquoted(found[0]).lower(), path)


def _plain_text(path: bytes) -> bytes:
    """Overlong, wide and fullwidth characters as those they stand for."""
    wide = unwidened(path)
    return wide.lower() if wide.isascii() else fold(text(wide)).encode("utf-8", "replace")


def _resolved(path: bytes) -> bytes:
    """Without dot segments (RFC 3986, 5.2.4); what climbs above the root stays at the root."""
    if b"/." not in path:
        return path
    kept: list[bytes] = []
    for segment in path.split(b"/")[1:]:
        if segment == b"..":
            del kept[-1:]
        elif segment != b".":
            kept.append(segment)
    return b"/" + b"/".join(kept)


def _replace(pattern: bytes, by: bytes = b"") -> Callable[[bytes], bytes]:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda path: compiled.sub(by, path)


_REWRITES: tuple[Callable[[bytes], bytes], ...] = (
    _unreserved,
    _plain_text,
    _resolved,
    _replace(rb"\\", b"/"),
    _replace(rb"//+", b"/"),
    _replace(rb";[^/]*"),  # path parameters, as servlets take them out
    _replace(rb"[\x00#?\r\n].*"),  # where C strings, fragments, queries and lines end
    _replace(rb"(?:(?<=[^/.\s])[.\s]+|(?<!\s)\s+)(?=/|$)|(?<=/)\s+"),  # Windows, and those who trim
    _replace(rb"[\t\r\n]+"),  # what the URL Standard takes out, wherever it stands
    _replace(rb"(?<=[^/.])\.\.(?=/)", b"/.."),  # a prefix replaced by a folder, as nginx's alias does
    _replace(rb":+\$[^/]*"),  # NTFS streams
    _replace(rb"\((?:[a-z]\([^()/]*\))+\)"),  # ASP.NET sessions without cookies
    _replace(rb"^//[^/]+(?=/)"),  # taken for an authority by URL parsers
)


def _normal(path: bytes) -> str:
    return _SLASHES.sub("/", text(path).lower()).rstrip("/") or "/"


def _served(reading: str) -> Iterator[str]:
    """A reading, and those of the resource an app may serve for it."""
    for each in (reading, *_behind_scripts(reading)):
        yield each
        yield from stems(each)


def stems(reading: str) -> Iterator[str]:
    """What a file's name may stand for: the resource without the suffix, the folder of an index."""
    directory, _, name = reading.rpartition("/")
    for stem in {name.partition(".")[0], name.rpartition(".")[0]} - {""}:
        yield f"{directory}/{stem}"
    if _INDEX.search(reading):
        yield directory or "/"


def _behind_scripts(reading: str) -> Iterator[str]:
    """Script and path, where a script stands in the middle (CGI's PATH_INFO); of several, the first and the last."""
    scripts = list(_SCRIPT.finditer(reading))
    for found in scripts[:1] + scripts[1:][-1:]:
        directory, script, rest = reading[: found.start()], reading[: found.end()], reading[found.end() :]
        yield script
        yield rest
        yield directory + rest
        yield reading[: found.end(1)] + rest
