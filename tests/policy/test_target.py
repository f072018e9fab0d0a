"""Every plausible reading of a path, at little cost."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.errors import MalformedRequest
from gateway.policy.target import ANYTHING, MOST_READINGS, everywhere, origin_form, readings
from tests.support.cost import cost


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("/", {"/"}),
        ("/notes/2024", {"/notes/2024"}),
        ("/Notes/", {"/notes"}),
        ("/search/c++", {"/search/c++"}),
        ("/app.js", {"/app.js", "/app"}),
        ("/static/app.min.js", {"/static/app.min.js", "/static/app.min", "/static/app"}),
        ("/v1.2/users", {"/v1.2/users"}),
        ("/.well-known/x", {"/.well-known/x"}),
        ("/files/a%2Fb", {"/files/a%2fb", "/files/a/b"}),
        ("/files/report.", {"/files/report.", "/files/report"}),
    ],
)
def test_an_ordinary_path_has_few_readings(path: str, read: set[str]) -> None:
    assert readings(path.encode()) == read


@pytest.mark.parametrize(
    "path",
    [
        # letters and slashes, encoded
        "/%61dmin/users",
        "/%41DMIN/%75sers",
        "/admin%2fusers",
        "/%2fadmin/users",
        "/admin/users%2f",
        "/%2561dmin/users",
        "/admin%252fusers",
        "/%25%36%31dmin/users",
        # slashes
        "//admin//users",
        "/admin\\users",
        "/admin%5cusers",
        "/admin/users\\",
        # dot segments
        "/./admin/./users",
        "/public/../admin/users",
        "/public/%2e%2e/admin/users",
        "/public/..%2fadmin/users",
        "/public/%252e%252e/admin/users",
        "/public\\..\\admin/users",
        "/public/..%5cadmin/users",
        "/../../admin/users",
        "/%2e%2e/%2e%2e/admin/users",
        "/admin/users/.",
        "/admin/users/%2e",
        "/admin/x/../users",
        "/x/%2f/../../admin/users",
        "/x//../admin/users",
        "/a%2fb/%2e%2e/admin/users",
        # path parameters
        "/admin;v=1/users",
        "/admin/users;jsessionid=0123",
        "/;/admin/users",
        "/;a=b/admin/users",
        "/public/..;/admin/users",
        "/public/..;a=b/admin/users",
        "/public/%2e%2e;/admin/users",
        "/public/..%3b/admin/users",
        "/public;/..;/admin/users",
        # where others stop reading
        "/admin/users%00",
        "/admin/users%00.png",
        "/admin/users%23.png",
        "/admin/users%3fx",
        "/admin/users%0d%0aSet-Cookie:%20x=y",
        "/admin/users%0a",
        "/admin/users%2500",
        # what others trim
        "/admin/users.",
        "/admin./users",
        "/admin/users%20",
        "/admin%20/users%20%20",
        "/admin/%20/users",
        "/%20admin/users",
        "/admin/users%09",
        "/admin/users%2e%2e%20",
        "/admin/users/%20",
        # tabs and line ends that URL parsers take out, dots behind a prefix (an nginx alias without its slash)
        "/ad%09min/users",
        "/ad%0d%0amin/us%0aers",
        "/%2509admin/users",
        "/static../admin/users",
        "/static%2e%2e%2fadmin/users",
        "/admin/users::$DATA",
        "/admin:$i30:$INDEX_ALLOCATION/users",
        # other alphabets
        "/public/%c0%ae%c0%ae/admin/users",
        "/admin%c0%afusers",
        "/admin%e0%80%afusers",
        "/%c1%a1dmin/users",
        "/%u0061dmin/users",
        "/admin%u002fusers%u002f",
        "/public/%u002e%u002e/admin/users",
        "/%ef%bd%81dmin/users",
        "/admin%ef%bc%8fusers",
        "/adm%c4%b1n/users",
        # servers that serve one path as another
        "/admin/users.html",
        "/admin/users.json.html",
        "/admin/users/index.php",
        "/index.php/admin/users",
        "/index.php/admin/users.json",
        "/admin.php/users",
        "/x.php/index.php/admin/users",
        "/(S(abcdefgh))/admin/users",
        "/(A(b)S(c))/admin/users",
        "/adm(S(x))in/users",
        "//evil.test/admin/users",
        "//evil.test/..;/admin/users",
        "/\\evil.test/admin/users",
    ],
)
def test_an_odd_spelling_of_a_path_is_read_as_that_path(path: str) -> None:
    assert "/admin/users" in readings(path.encode())


@pytest.mark.parametrize(
    "path",
    [
        "/administrator",
        "/admin-users",
        "/public/admin",
        "/admin%2dusers",
        "/files/admin%2Fusers",
        "/search/admin+users",
    ],
)
def test_a_path_that_only_looks_like_another_is_not_read_as_it(path: str) -> None:
    assert not {"/admin", "/admin/users"} & readings(path.encode())


@pytest.mark.parametrize(
    ("path", "reading"),
    [
        ("/index.php/account/email", "/index.php"),
        ("/wiki/doku.php/x/y", "/wiki/doku.php"),
        ("/wiki/doku.php/x/y", "/wiki/x/y"),
        ("/admin/../public", "/admin/../public"),
        ("/billing/invoices/7.pdf/", "/billing/invoices/7.pdf"),
        ("/caf%c3%a9", "/café"),
        ("/caf%e9", "/café"),
        ("/CAF%C3%89", "/café"),
        ("/x/index.html", "/x"),
    ],
)
def test_readings_of_other_kinds(path: str, reading: str) -> None:
    assert reading in readings(path.encode())


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"admin",
        b"*",
        b"/%zz",
        b"/admin/users%2",
        b"/%",
        b"/a#b",
        b"/a b",
        b"/\xe1dmin",
        b"/a\x00",
        b"/a\n",
        b"/%u00",
    ],
)
def test_only_what_breaks_the_grammar_is_malformed(path: bytes) -> None:
    with pytest.raises(MalformedRequest):
        readings(path)


ALPHABET = st.sampled_from(
    [
        "/",
        ".",
        "..",
        ";",
        "\\",
        "%2f",
        "%2e",
        "%5c",
        "%25",
        "%00",
        "%20",
        "%3b",
        "%c0%af",
        "%c1%81",
        "%u002e",
        "(s(x))",
        ".php",
        "a",
    ]
)


@settings(deadline=None)
@given(st.lists(ALPHABET, max_size=60).map(lambda parts: "/" + "".join(parts)))
@example("/..;/..%5c%2e%2e;/%c0%af%25%35%63(s(x))/x./y::$d/%2500%23a.php/index.php")
def test_readings_are_normal_and_few(path: str) -> None:
    found = readings(path.encode())
    assert 0 < len(found) <= MOST_READINGS
    assert found == ANYTHING or all(re.fullmatch(r"/|(/[^/]+)+", each) and each == each.lower() for each in found)


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_nothing_but_malformed_is_raised(path: bytes) -> None:
    try:
        assert readings(b"/" + path)
    except MalformedRequest:
        pass


def spelled(path: str, kinds: list[int], where: list[int]) -> str:
    """`path` under a series of disguises, each of which some server takes off."""
    for kind, at in zip(kinds, where, strict=False):
        slashes = [found.start() for found in re.finditer("/", path)]
        slash = slashes[at % len(slashes)]
        letters = [found.start() for found in re.finditer("(?<![%0-9a-f])[g-z]", path)]
        letter = letters[at % len(letters)]
        path = DISGUISES[kind % len(DISGUISES)](path, slash, letter)
    return path


DISGUISES: list[Callable[[str, int, int], str]] = [
    lambda path, slash, letter: path[:slash] + "/" + path[slash:],
    lambda path, slash, letter: path[:slash] + "/." + path[slash:],
    lambda path, slash, letter: path[:slash] + "/x/.." + path[slash:],
    lambda path, slash, letter: path[:slash] + "/x/..;" + path[slash:],
    lambda path, slash, letter: path[:slash] + ";v=1" + path[slash:] if slash else path,
    lambda path, slash, letter: path[:slash] + "/%2e" + path[slash:],
    lambda path, slash, letter: path[:letter] + f"%{ord(path[letter]):02X}" + path[letter + 1 :],
    lambda path, slash, letter: path[:letter] + f"%25{ord(path[letter]):02x}" + path[letter + 1 :],
    lambda path, slash, letter: path[:letter] + path[letter].upper() + path[letter + 1 :],
    lambda path, slash, letter: path[:slash] + "%5c" + path[slash + 1 :] if slash else path,
    lambda path, slash, letter: path[:slash] + "%2f" + path[slash + 1 :] if slash else path,
    lambda path, slash, letter: path + "%20",
    lambda path, slash, letter: path + "/",
    lambda path, slash, letter: path + "%00.png",
    lambda path, slash, letter: "/index.php" + path,
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 99), max_size=6), st.lists(st.integers(0, 99), min_size=6, max_size=6))
def test_no_series_of_disguises_hides_a_path(kinds: list[int], where: list[int]) -> None:
    found = readings(spelled("/account/two-factor/disable", kinds, where).encode())
    assert found == ANYTHING or "/account/two-factor/disable" in found


@pytest.mark.parametrize(
    "repeated",
    [
        b";",
        b"%25",
        b";%25",
        b"/",
        b"../",
        b".",
        b"%20",
        b"(s(",
        b"(s())",
        b".php/",
        b"/x.php",
        b"%5c..;",
        b"%c0%af",
        b"%u002f",
        b"/..;a/%2e%2e%5c%c0%af.php/%20x.",
        b"%2525",
        b".%20",
        b":$",
        b"a",
    ],
)
def test_eight_kibibytes_of_anything_are_read_quickly(repeated: bytes) -> None:
    path = (b"/" + repeated * (8192 // len(repeated))) + b"x"
    assert readings(path)
    assert cost(lambda: readings(path), enough=0.25) <= 0.25


def test_an_ordinary_path_costs_next_to_nothing() -> None:
    most = 2000 * 20e-6
    assert cost(lambda: [readings(b"/notes/2024/edit") for _ in range(2000)], enough=most) <= most


@pytest.mark.parametrize(
    ("target", "authority", "origin"),
    [
        (b"/a?b=c", None, b"/a?b=c"),
        (b"//a/b", None, b"//a/b"),
        (b"http://notes.example.com/a?b", b"notes.example.com", b"/a?b"),
        (b"HTTP://Notes.example.com:8000/%2e", b"Notes.example.com:8000", b"/%2e"),
        (b"https://h", b"h", b"/"),
        (b"http://h?x=/y", b"h", b"/?x=/y"),
        (b"http://h//admin", b"h", b"//admin"),
    ],
)
def test_a_target_is_brought_to_origin_form_with_its_own_bytes(
    target: bytes, authority: bytes | None, origin: bytes
) -> None:
    assert origin_form(target) == (authority, origin)


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"*",
        b"admin/users",
        b"h:443",
        b"ftp://h/a",
        b"http:/a",
        b"http:///a",
        b"http://u@h/a",
        b"http://u:p@h/",
        b"?x",
        b"/a#b",
        b"/a?b#c",
        b"/\xe1dmin",
        b"/a b",
        b"/a\tb",
        b"http://h/a\x7f",
        b"javascript:x",
        b"\\\\h\\a",
    ],
)
def test_other_forms_of_a_target_are_malformed(target: bytes) -> None:
    with pytest.raises(MalformedRequest):
        origin_form(target)


@pytest.mark.parametrize(
    ("destinations", "read"),
    [
        ([], {"/a"}),
        ([b"/admin/x"], {"/a", "/admin/x"}),
        ([b"http://any.test/Admin/x?y"], {"/a", "/admin/x"}),
        ([b"/b", b"/c"], {"/a", "/b", "/c"}),
        ([b"b"], ANYTHING),
        ([b"/%zz", b"/b"], ANYTHING),
    ],
)
def test_a_request_is_also_where_webdav_would_put_it(destinations: list[bytes], read: set[str]) -> None:
    assert everywhere(b"/a", destinations) == read
