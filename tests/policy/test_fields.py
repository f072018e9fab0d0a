"""Conditions on fields and headers, overridden methods, and what people are shown."""

from __future__ import annotations

import pytest

from gateway.policy.facts import Condition
from gateway.policy.fields import HIDDEN, body_overrides, hear, hear_out, holds, overrides, show

from .making import FORM, condition, request

ACTION = condition("form", "action", "delete")
PROFILE = condition("query_or_form", "do", "profile")
TYPE = "multipart/form-data; boundary=b"


def part(head: bytes, content: bytes = b"delete") -> bytes:
    return b"--b\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + content + b"\r\n--b--\r\n"


def in_form(body: bytes, content_type: str = FORM, asked: Condition = ACTION) -> bool | None:
    return holds(asked, hear_out(request("POST /", body, content_type=content_type), body))


@pytest.mark.parametrize(
    "body",
    [
        b"action=delete&id=7",
        b"action=view&action=delete",
        b"action=delete&action=view",
        b"action=%64elete",
        b"action=DELETE",
        b"+action=delete",
        b"%20action=delete",
        b"Action=delete",
        b"action%00x=delete",
        b"action[]=delete",
        b"action[x]=delete",
        b"action[delete]=1",
        b"action%5Bdelete%5D=1",
        b"action.delete=1",
        b"action=delete%20",
        b"action=+delete",
        b"action=delete%00",
        b"action=delete%00x",
        b"action=delete%0d%0a",
        b"action=%2564elete",
        b"%2561ction=delete",
        b"x=1;action=delete",
        b"%u0061ction=delete",
        b"action=%uFF44elete",
        b"\xc1\xa1ction=delete",
        b"pad=" + b"A" * 70_000 + b"&action=delete",
        b"action=del-ete",
        b"action=delete0",
        b"action=d.e.l.e.t.e!",
        b"action=%00delete",
        b"action=del%C3%A9ete",
        b"action=\xc1\xa4delete",
        b"action=%EF%BD%84delete",
        b"action[del.ete]=1",
        b"action[%EF%BD%84delete]=1",
    ],
)
def test_a_field_is_found_in_every_spelling(body: bytes) -> None:
    assert in_form(body) is True


@pytest.mark.parametrize(
    ("word", "sent", "held"),
    [
        ("/v2/users*", b"/v2/users", True),
        ("/v2/users*", b"/v2/users/me", True),
        ("/v2/users*", b"/V2/Users/1%0a", True),
        ("/v2/users*", b"/v2/posts/1", False),
        ("/v2/users*", b"/x/v2/users", False),
        ("*:userrights*", b"Special:UserRights/Bob", True),
        ("*:userrights*", b"Special:User%E2%80%8ERights", True),
        ("*:userrights*", b"Special:%EF%BC%B5serRights", True),
        ("*:userrights*", b"Help_userrights", False),
        ("do*ment", b"document", True),
        ("do*ment", b"doment", True),
        ("do*ment", b"do%0ament", True),
        ("do*ment", b"do.documents", False),
        ("a.b*", b"a.b.c", True),
        ("a.b*", b"axb", False),
    ],
)
def test_a_star_in_a_value_stands_for_any_characters(word: str, sent: bytes, held: bool) -> None:
    assert in_form(b"action=" + sent, asked=condition("form", "action", word)) is held


@pytest.mark.parametrize(
    ("sent", "held"),
    [
        (b"action=view", False),
        (b"action=%76iew&action=list/3", False),
        (b"action=list/", False),
        (b"", False),
        (b"actions=delete", False),
        (b"action=delete", True),
        (b"action=view&action=delete", True),
        (b"action=delete&action=view", True),
        (b"action=View", True),
        (b"action=+view", True),
        (b"action=view%00delete", True),
        (b"action=views", True),
        (b"action=vi.ew", True),
        (b"action=%EF%BD%96iew", True),
        (b"action=x/list/", True),
        (b"action=", True),
        (b"action[]=view", False),
        (b"action[delete]=view", True),
        (b"{[", True),
    ],
)
def test_what_is_let_off_has_to_stand_there_exactly_and_alone(sent: bytes, held: bool) -> None:
    assert in_form(sent, asked=condition("form", "action", "!view", "!list/*")) is held


def test_a_body_that_cannot_be_read_is_not_let_off() -> None:
    but_view = condition("form", "action", "!view")
    assert in_form(b"action=view", "text/plain", but_view) is True
    assert holds(but_view, hear_out(request("POST /", b"action=view"), None)) is True
    assert holds(but_view, hear(request("POST /", b"action=view"))) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"action=view",
        b"action=deleted_items",
        b"action=delete2",
        b"action=del-feet",
        b"action=undelete",
        b"action",
        b"note=action%3Ddelete&action=view",
        b"note=delete",
        b"actions=delete",
        b"my_action=delete",
        b"my[action]=delete",
        b"action=view&delete=1",
    ],
)
def test_a_field_that_only_looks_alike_is_not_it(body: bytes) -> None:
    assert in_form(body) is False


@pytest.mark.parametrize(
    ("field", "body", "held"),
    [
        ("user[email]", b"user[email]=x", True),
        ("user[email]", b"user.email=x", True),
        ("user[email]", b"user_email=x", True),
        ("user[email]", b"user[email=x", True),
        ("user_email", b"user.email=x", True),
        ("user_email", b"user+email=x", True),
        ("user[email]", b"user[name]=x", False),
        ("fn[delete]", b"fn[delete][bob]=1", True),
        ("fn[delete]", b"fn[add]=1", False),
    ],
)
def test_names_are_the_same_where_php_folds_them_to_the_same(field: str, body: bytes, held: bool) -> None:
    assert in_form(body, asked=condition("form", field)) is held


@pytest.mark.parametrize(
    ("wanted", "sent", "held"),
    [
        ("delete_selected", b"a=delete_selected", True),
        ("delete_selected", b"a=delete-_selected", True),
        ("delete_selected", b"a=delete", False),
        ("v1.0", b"a=v1.0", True),
        ("v1.0", b"a=v1", False),
        ("1", b"a=1", True),
        ("1", b"a=10", False),
        ("l\u00f6schen", "a=l\u00f6schen".encode(), True),
        ("l\u00f6schen", b"a=L%D6SCHEN", True),
        ("l\u00f6schen", b"a=lschen", False),
        ("^a-z]\\", b"a=^a-z]\\", True),
    ],
)
def test_what_apps_drop_is_never_a_part_of_the_word(wanted: str, sent: bytes, held: bool) -> None:
    assert in_form(sent, asked=condition("form", "a", wanted)) is held


@pytest.mark.parametrize(
    ("content_type", "body", "held"),
    [
        (TYPE, part(b'name="action"'), True),
        (TYPE, part(b'name="action"', b"view"), False),
        (TYPE, part(b'name="action[delete]"', b"1"), True),
        (TYPE, part(b'name="action"', b"\xef\xbd\x84delete"), True),
        (TYPE, part(b'name="action"; filename=""'), True),
        (TYPE, part(b"name='action'"), True),
        (TYPE, part(b"name='x'"), True),
        (TYPE, part(b'name="action"').replace(b"\r\n", b"\n"), True),
        (TYPE, part(b'name="action"').removesuffix(b"--b--\r\n"), True),
        ("application/json", b'{"action": "Delete"}', True),
        ("application/json", b'{"action": "view", "action": "delete"}', True),
        ("application/json", b'{"data": {"attributes": {"action": ["delete"]}}}', True),
        ("application/json", b'{"action": {"delete": 1}}', True),
        ("application/json", b'{"action": "view", "note": "delete"}', False),
        ("application/json", b"{", True),
        # apps that never look at the type: of JSON, and of forms
        (FORM, b'{"action": "delete"}', True),
        (FORM, b' \n{"x": "&a=b", "action": "delete"}', True),
        (FORM, b'[{"action": "delete"}]', True),
        (FORM, '{"action": "delete"}'.encode("utf-16"), True),
        (FORM, '{"action": "delete"}'.encode("utf-16-be"), True),
        (FORM, b'{"action": "view"}', False),
        (FORM, b"{action: 'view'}", True),
        (FORM, b"note={}&action=view", False),
        ("application/json", b'{"x": "&action=delete&y"}', True),
        ("application/json", b'{"x": ";action=delete;y"}', True),
        ("application/json", b'{"x": "&action=view&y"}', False),
        ("text/plain", b"action=view", True),
        ("text/xml", b"<a/>", True),
        (FORM + "; charset=ibm037", b"\x81", True),
        ("application/json, " + FORM, b"action=view", True),
    ],
)
def test_bodies_of_other_kinds_are_read_or_count_as_a_match(content_type: str, body: bytes, held: bool) -> None:
    assert in_form(body, content_type) is held
    assert in_form(body, content_type, condition("json", "action", "delete")) is held


@pytest.mark.parametrize(
    ("query", "body", "held"),
    [
        ("do=profile", b"", True),
        ("do=PROFILE", b"", True),
        ("do=%20profile", b"", True),
        ("do=profile%00", b"", True),
        ("do[profile]=1", b"", True),
        ("do%5Bprofile%5D=1", b"", True),
        ("do=show&do=profile", b"", True),
        ("do=profile&do=show", b"", True),
        ("do=show", b"do=profile", True),
        ("do=profile", b"do=show", True),
        ("do=show", b"do=show", False),
        ("do=profiles", b"", False),
        ("id=do=profile", b"", False),
    ],
)
def test_query_and_form_are_one_place_where_the_route_says_so(query: str, body: bytes, held: bool) -> None:
    assert holds(PROFILE, hear_out(request(f"POST /doku.php?{query}", body, content_type=FORM), body)) is held


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        (condition("query", "do", "profile"), False),
        (condition("query", "do", "show"), True),
        (condition("query", "do"), True),
        (condition("query", "other"), False),
        (condition("header", "X-A", "1"), True),
        (condition("header", "X-A", "2"), False),
        (condition("query_or_form", "do", "show"), True),
        (condition("query_or_form", "do", "profile"), None),
        (condition("form", "do"), None),
        (condition("json", "do"), None),
    ],
)
def test_only_conditions_on_the_body_wait_for_it(asked: Condition, held: bool | None) -> None:
    assert holds(asked, hear(request("POST /?do=show", b"do=profile", content_type=FORM, X_A="1"))) is held


@pytest.mark.parametrize(
    ("place", "cookie", "held"),
    [
        ("query_or_form", "a=1; do=profile", True),
        ("query_or_form", "do[]=%70rofile", True),
        ("query_or_form", "do=show; note=profile", False),
        ("query", "do=profile", False),
        ("form", "do=profile", False),
    ],
)
def test_a_cookie_is_a_parameter_to_apps_that_ask_for_either(place: str, cookie: str, held: bool) -> None:
    assert holds(condition(place, "do", "profile"), hear(request("GET /", cookie=cookie))) is held


@pytest.mark.parametrize(
    "value", ["delete", "view, delete", "delete;q=1", "view, delete; q=1", '"Delete"', "delete x", " delete ,x"]
)
def test_a_header_may_list_values_and_these_may_have_parameters(value: str) -> None:
    assert holds(condition("header", "X-Action", "delete"), hear(request("GET /", X_Action=value))) is True


def test_overrides_are_read_from_headers_and_query_on_any_method() -> None:
    assert overrides(request("GET /?_method=put&_method[]=patch", X_HTTP_Method_Override="delete")) == {
        "PUT",
        "PATCH",
        "DELETE",
    }
    assert overrides(request("POST /?X-HTTP-Method-Override=put")) == {"PUT"}
    assert overrides(request("POST /?method=PUT")) == frozenset()


def test_overrides_are_read_from_bodies() -> None:
    assert body_overrides(request("POST /", content_type=FORM), b"_method=delete") == {"DELETE"}
    assert body_overrides(request("POST /", content_type="application/json"), b'{"_method":"put"}') == {"PUT"}
    assert body_overrides(request("POST /", content_type=TYPE), part(b'name="_method"')) == {"DELETE"}
    assert body_overrides(request("POST /", content_type="text/plain"), b"_method=delete") == frozenset()


def shown(body: bytes | None, *names: str, content_type: str = FORM) -> tuple[tuple[str, str], ...]:
    return show(request("POST /x?id=7", body or b"x", content_type=content_type), body, names)


def test_people_are_shown_the_fields_in_the_order_of_the_route() -> None:
    assert shown(b"email=a%40b.test&name=Ann", "name", "email", "id", "other") == (
        ("name", "Ann"),
        ("email", "a@b.test"),
        ("id", "7"),
    )


def test_people_are_shown_what_is_beyond_ascii_and_nothing_twice() -> None:
    assert shown("name=Zo\u00eb".encode(), "name") == (("name", "Zo\u00eb"),)


def test_people_are_shown_every_duplicate_once() -> None:
    assert shown(b"id=8&id=8&id[]=9", "id") == (("id", "7"), ("id", "8"), ("id", "9"))


def test_people_are_shown_one_clean_line() -> None:
    assert shown("a=x\u202ey\x07%0d%0a  z".encode(), "a") == (("a", "xy z"),)
    assert shown(b"a=" + b"x" * 300, "a") == (("a", "x" * 199 + "…"),)


@pytest.mark.parametrize(
    "name",
    ["password", "newpass", "oldPassword", "user[pwd]", "client_secret", "csrf_token", "code", "smsCode", "pin", "otp"],
)
def test_secrets_are_never_shown(name: str) -> None:
    assert shown(f"{name}=hunter2".encode(), name) == ((name, HIDDEN),)


@pytest.mark.parametrize("name", ["postcode", "shipping", "monkey", "email", "author"])
def test_a_name_that_only_contains_such_letters_is_no_secret(name: str) -> None:
    assert shown(f"{name}=x".encode(), name) == ((name, "x"),)


def test_files_are_shown_by_name_and_size() -> None:
    body = part(b'name="logo"; filename="l\xc3\xb6go.png"', b"\x89PNG" + bytes(100))
    assert shown(body, "logo", content_type=TYPE) == (("logo", "lögo.png (104 bytes)"),)


def test_json_is_shown_and_what_cannot_be_read_is_not() -> None:
    assert shown(b'{"email": "a@b.test"}', "email", content_type="application/json") == (("email", "a@b.test"),)
    assert shown(None, "email", "id") == (("id", "7"),)
