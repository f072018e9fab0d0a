"""Which header fields pass, and which are ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.headers import body_length, fold, own_cookie, stripped, to_client, to_upstream, without_own

STRIP = stripped(["Remote-User", "X-Who"])
OURS = [
    (b"x-forwarded-for", b"192.0.2.1"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"h.test"),
    (b"x-request-id", b"id-1"),
]


def sent(*headers: tuple[bytes, bytes], identity=()) -> list[tuple[bytes, bytes]]:
    """What an app gets, without the fields that are always ours."""
    fields = to_upstream(
        headers, STRIP, identity=identity, client=b"192.0.2.1", proto=b"https", host=b"h.test", request_id=b"id-1"
    )
    assert fields[-4:] == OURS
    return fields[:-4]


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        (b"X_Auth_Time", b"x-auth-time"),
        (b"X-Auth.Time", b"x-auth-time"),
        (b"x-auth-time", b"x-auth-time"),
        (b"X!Auth~Time", b"x-auth-time"),
        (b"ETag2", b"etag2"),
    ],
)
def test_names_fold_as_the_most_forgiving_app_folds_them(name, folded) -> None:
    assert fold(name) == folded


@pytest.mark.parametrize(
    "name",
    [
        # identity: the defaults are stripped even where other names are configured
        *(b"x-auth-user", b"x_auth_user", b"x-auth_time", b"x.auth.time", b"x-auth-methods", b"x-who", b"x_who"),
        *(b"remote-user", b"remote_user", b"x-remote-user"),
        # what apps believe of a proxy
        *(b"x-original-url", b"x_original_url", b"x-rewrite-url", b"x-original-uri", b"x-original-method"),
        *(b"x-original-host", b"x-forwarded-for", b"x-forwarded-uri", b"x-forwarded-method", b"x-forwarded-prefix"),
        *(b"x-forwarded-host", b"x_forwarded_proto", b"x-forwarded-port", b"x-forwarded-user", b"x-forwarded-scheme"),
        *(b"x-forwarded-ssl", b"x-forwarded-whatever", b"forwarded", b"x-real-ip", b"x-client-ip", b"true-client-ip"),
        *(b"x-envoy-original-path", b"x-middleware-subrequest", b"x_middleware_rewrite", b"proxy", b"x-request-id"),
        *(b"script_name", b"script-name", b"x-script-name", b"path_info", b"x_path_info", b"x-original-path"),
        # one connection's own, and framing
        *(b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"http2-settings"),
        *(b"proxy-connection", b"proxy-authorization", b"content-length", b"content_length", b"transfer_encoding"),
        *(b"transfer.encoding", b"expect"),
        b"x-forwarded-" + b"x" * 100,
    ],
)
def test_what_no_client_may_send_on_is_dropped(name) -> None:
    assert sent((name, b"evil"), (b"accept", b"*/*")) == [(b"accept", b"*/*")]


@pytest.mark.parametrize(
    "name",
    [
        *(b"host", b"authorization", b"origin", b"referer", b"content-type", b"accept", b"range", b"if-none-match"),
        *(b"upgrade-insecure-requests", b"x-http-method-override", b"x-csrf-token", b"x-requested-with", b"via"),
        *(b"sec-fetch-site", b"sec-websocket-protocol", b"x-author", b"x-auth", b"x-auth-times", b"x" * 200),
    ],
)
def test_everything_else_passes_as_it_came(name) -> None:
    assert sent((name, b" \xff,a;b ")) == [(name, b" \xff,a;b ")]


def test_repeated_fields_keep_their_order() -> None:
    fields = ((b"accept", b"a"), (b"x-b", b"1"), (b"accept", b"c"), (b"x-b", b"2"))
    assert sent(*fields) == list(fields)


def test_a_field_that_the_clients_connection_names_is_not_dropped_for_it() -> None:
    identity = ((b"x-auth-time", b"1700000000"),)
    fields = ((b"connection", b"close, X-Auth-Time, x-csrf, cookie"), (b"x-csrf", b"1"), (b"cookie", b"a=b"))
    assert sent(*fields, identity=identity) == [(b"x-csrf", b"1"), (b"cookie", b"a=b"), *identity]


def test_no_spelling_of_a_clients_identity_stands_beside_ours() -> None:
    identity = ((b"x-auth-user", b"alice"), (b"x-auth-time", b"1"))
    spoofs = [(name, b"root") for name in (b"x-auth-user", b"x_auth_user", b"x-auth_user", b"x.auth.user", b"x-who")]
    assert sent(*spoofs, identity=identity) == list(identity)


@given(st.lists(st.sampled_from([b"x", b"auth", b"user", b"-", b"_", b".", b"~", b"!"]), min_size=1).map(b"".join))
def test_whatever_passes_is_not_read_as_identity(name) -> None:
    for passed, _ in sent((name, b"evil")):
        assert fold(passed) != b"x-auth-user"


@pytest.mark.parametrize(
    ("cookie", "rest"),
    [
        (b"a=1; b=2", b"a=1; b=2"),
        (b"a=1;b=2;  c = 3 ", b"a=1;b=2;  c = 3 "),
        (b"gateway_session=x", b""),
        (b"__Host-gateway_session=x", b""),
        (b"__Secure-gateway_session=x; __Host-gateway_ticket=y", b""),
        (b"a=1; __Host-gateway_session=x; b=2", b"a=1; b=2"),
        (b"__Host-gateway_session=x; a=1;b=2", b"a=1;b=2"),
        (b"a=1; gateway_session=x", b"a=1"),
        (b"a=1;gateway_session=x;gateway_b=y;  c=3", b"a=1;  c=3"),
        (b"=gateway_session=x; a=1", b"a=1"),
        (b"a=1;\t = gateway_session=x", b"a=1"),
        (b"__HOST-Gateway_session=x; a=1", b"a=1"),
        (b"gateway_session", b""),
        (b"mygateway_x=1; __Host-a=2; gatewa=3", b"mygateway_x=1; __Host-a=2; gatewa=3"),
        (b"a=gateway_session; b=2", b"a=gateway_session; b=2"),
    ],
)
def test_the_gateways_cookies_are_cut_out_and_the_others_kept_byte_for_byte(cookie, rest) -> None:
    assert without_own(cookie) == rest
    assert sent((b"cookie", cookie)) == ([(b"cookie", rest)] if rest else [])


@pytest.mark.parametrize(
    ("cookies", "value"),
    [
        ([b"s=abc-_9"], b"abc-_9"),
        ([b"a=1; s=abc; b=2"], b"abc"),
        ([b"a=1", b"s=abc"], b"abc"),
        ([b"a=1;s=abc;b=2"], b"abc"),
        ([], None),
        ([b"a=1"], None),
        ([b"xs=abc; s2=abc"], None),
        ([b"a=s; b=2"], None),
        # tossing: two that differ are none; the same one twice is one
        ([b"s=abc; s=abd"], None),
        ([b"s=abc", b"s=abd"], None),
        ([b"s=abc; s=abc"], b"abc"),
        ([b"s=abc; =s=abd"], None),
        ([b"=s=abc"], None),
        ([b"s=abc; s="], None),
        # malformed
        ([b"s="], None),
        ([b"s"], None),
        ([b's="abc"'], None),
        ([b"s=a b"], None),
        ([b"s=a,b"], None),
        ([b"s=\xff"], None),
        ([b"S=abc"], None),
    ],
)
def test_our_cookie_is_one_well_formed_value_or_none(cookies, value) -> None:
    assert own_cookie(cookies, b"s") == value


def test_several_set_cookie_lines_stay_several_in_their_order() -> None:
    lines = [(b"set-cookie", b"a=1; Path=/"), (b"content-type", b"text/html"), (b"set-cookie", b"b=2")]
    assert to_client(lines) == lines


@pytest.mark.parametrize(
    "line",
    [
        *(
            (b"set-cookie", each + b"session=x; Path=/")
            for each in (b"gateway_", b"__Host-gateway_", b"__host-GATEWAY_")
        ),
        *((b"set-cookie", each + b"gateway_session=x") for each in (b" ", b"=", b" = ", b"__Secure-")),
        *((name, b"x") for name in (b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"transfer-encoding")),
        *((name, b"x") for name in (b"proxy-connection", b"proxy-authenticate", b"date")),
        *((b"x-a", each) for each in (b"a\r\nSet-Cookie: b=c", b"a\nb", b"a\rb")),
    ],
)
def test_what_is_not_for_the_client_is_dropped_from_an_answer(line) -> None:
    kept = (b"content-length", b"3")
    assert to_client([line, kept]) == [kept]


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ((), 0),
        (((b"content-length", b"0"),), 0),
        (((b"content-length", b"12"),), 12),
        (((b"transfer-encoding", b"chunked"),), None),
    ],
)
def test_a_request_announces_how_long_its_body_is(headers, length) -> None:
    assert body_length(headers) == length


@pytest.mark.parametrize("value", [b"1_0", b"+5", b"-1", b"0x5", b"", b"5, 5", "²".encode()])
def test_a_length_that_is_no_number_is_refused(value) -> None:
    with pytest.raises(ValueError, match="not a number"):
        body_length(((b"content-length", value),))
