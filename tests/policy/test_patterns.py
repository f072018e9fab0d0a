"""Path patterns: what they may say, and what they fit."""

from __future__ import annotations

import re

import pytest

from gateway.policy.patterns import PathSet, Tree, by_suffix, compile, covers, overlaps, spellings
from gateway.policy.target import ANYTHING, readings
from tests.support.cost import cost


def fits(pattern: str, path: str) -> bool:
    return path in PathSet([pattern]).inside(frozenset({path}))


@pytest.mark.parametrize(
    ("pattern", "paths", "others"),
    [
        ("/", ["/"], ["/a"]),
        ("/account/email", ["/account/email"], ["/account", "/account/email/x", "/account/emails", "/x/account/email"]),
        ("/Account/Email/", ["/account/email"], []),
        ("/admin/**", ["/admin", "/admin/users", "/admin/a/b/c"], ["/administrator", "/", "/x/admin"]),
        ("/**", ["/", "/a", "/a/b"], []),
        ("/**/doku.php", ["/doku.php", "/wiki/doku.php", "/a/b/doku.php"], ["/doku.php/x", "/wiki"]),
        ("/a/**/z", ["/a/z", "/a/b/z", "/a/z/z"], ["/a", "/z", "/a/z/y"]),
        ("/**/a/**/b", ["/a/b", "/x/a/y/b", "/a/a/b/b"], ["/b/a", "/a"]),
        ("/api/keys/{id}", ["/api/keys/5"], ["/api/keys", "/api/keysets/5", "/api/keys/5/comments/7"]),
        ("/users/*/edit", ["/users/7/edit"], ["/users/edit", "/users/7/8/edit"]),
        ("/billing/invoices/{id}.pdf", ["/billing/invoices/7.pdf"], ["/billing/invoices/7", "/billing/help/7.pdf"]),
        ("/r/a*b*c", ["/r/abc", "/r/a-b-b-c"], ["/r/acb", "/r/ab", "/r/abcd"]),
        ("/r/ab*ba", ["/r/abba", "/r/abxba"], ["/r/aba"]),
        ("/café/{name}", ["/café/x"], ["/cafe/x"]),
        ("/CAFÉ", ["/café"], []),
        ("/wiki/C++_(language)", ["/wiki/c++_(language)"], []),
    ],
)
def test_a_pattern_fits_whole_paths(pattern: str, paths: list[str], others: list[str]) -> None:
    assert [path for path in paths if not fits(pattern, path)] == []
    assert [path for path in others if fits(pattern, path)] == []


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("account", 'write "/account"'),
        ("", 'begins with "/"'),
        ("https://notes.example.com/a", 'begins with "/"; write "/a"'),
        ("^/a", 'begins with "/"; write "/a"'),
        ("/a//b", "empty segment"),
        ("/a%20b", "decoded"),
        ("/a?x=1", "query = "),
        ("/a#b", "fragments"),
        ("/a/../b", "leads elsewhere"),
        ("/a**", "whole segments"),
        ("/a/**/**", "is enough"),
        ("/^admin$", '"^" has no meaning'),
        ("/[ab]", '"[" has no meaning'),
        ("/{id", '"{" has no meaning'),
        ("/{2,3}", '"{" has no meaning'),
        ("/a|b", '"|" has no meaning'),
        ("/a\\b", "backslashes"),
    ],
)
def test_a_bad_pattern_is_refused_with_what_to_write_instead(pattern: str, hint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(hint)):
        compile(pattern)


@pytest.mark.parametrize(
    ("pattern", "also"),
    [
        ("/index.php", {"/", "/index"}),
        ("/shop/index.html", {"/shop"}),
        ("/doku.php", {"/doku"}),
        ("/**/index.php", {"/**/index"}),
        ("/account/email", set()),
        ("/invoices/{id}.pdf", set()),
    ],
)
def test_a_script_has_shorter_names(pattern: str, also: set[str]) -> None:
    assert set(spellings(compile(pattern))) == {compile(pattern), *map(compile, also)}


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("/admin/**", "/admin/users", True),
        ("/admin/**", "/admin", True),
        ("/**", "/a/**", True),
        ("/a/**", "/**", False),
        ("/a/*", "/a/{id}.pdf", True),
        ("/a/*.pdf", "/a/*", False),
        ("/a/**/b", "/a/x/b", True),
        ("/a", "/a/**", False),
        ("/a/b", "/a", False),
    ],
)
def test_one_pattern_may_cover_another(outer: str, inner: str, expected: bool) -> None:
    assert covers(compile(outer), compile(inner)) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("/static/**", "/static/admin", True),
        ("/static/**", "/admin/**", False),
        ("/**/edit", "/notes/**", True),
        ("/a/*.pdf", "/a/{id}", True),
        ("/a/*.pdf", "/a/x.png", False),
        ("/a", "/a/b", False),
        ("/", "/", True),
    ],
)
def test_two_patterns_may_overlap(one: str, other: str, expected: bool) -> None:
    assert overlaps(one, other) is expected
    assert overlaps(other, one) is expected


def test_a_path_is_in_a_set_only_if_every_reading_is() -> None:
    public = PathSet(["/static/**", "/favicon.ico"])
    assert public.match_all(readings(b"/static/site.css"))
    assert public.match_all(readings(b"/static/a%20b.css"))
    assert not public.match_all(readings(b"/static/..%2fadmin"))
    assert not public.match_all(readings(b"/static/..;/admin"))
    assert not public.match_all(readings(b"/admin"))
    assert not PathSet(["/**"]).match_all(ANYTHING)
    assert not PathSet([]).match_all(readings(b"/"))


def test_a_file_that_is_named_is_open_but_not_what_has_its_name_without_the_suffix() -> None:
    public = PathSet(["/favicon.ico", "/docs/index.html", "/img/*.png"])
    assert public.match_all(readings(b"/favicon.ico"))
    assert public.match_all(readings(b"/docs/index.html"))
    assert not public.match_all(readings(b"/favicon"))
    assert not public.match_all(readings(b"/docs"))
    assert not public.match_all(readings(b"/favicon.ico/x.php/admin"))
    assert not public.match_all(readings(b"/admin/..;/favicon.ico"))
    assert not public.match_all(readings(b"/img/account.png"))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("/img/*.png", True), ("/{id}.pdf", True), ("/img/**", False), ("/a.ico", False), ("/", False)],
)
def test_a_pattern_may_take_files_by_their_suffix(pattern: str, expected: bool) -> None:
    assert by_suffix(pattern) is expected


def test_finding_takes_no_longer_in_ten_thousand_patterns() -> None:
    def seconds(count: int) -> float:
        tree: Tree[int] = Tree()
        for number in range(count):
            tree.add(compile(f"/area{number}/{{id}}/edit"), number)
        assert tree.find("/area7/5/edit") == [7]
        assert tree.find("/notes/2024/edit") == []
        return cost(lambda: [tree.find(path) for path in ("/area7/5/edit", "/notes/2024/edit") * 1000])

    assert seconds(10_000) < 5 * seconds(10)


def test_a_long_path_is_walked_in_time_with_its_length() -> None:
    paths = PathSet(["/**/a/**/a/**/a/**/b", "/x*a*a*a*a*b"])
    for path in ("/a" * 4096, "/x" + "a" * 8192):
        assert not paths.match_all(frozenset({path}))
        assert cost(lambda path=path: paths.match_all(frozenset({path})), enough=0.25) <= 0.25  # type: ignore[misc]
