"""Forms and links, as browsers read them: what Chromium makes of the same page is the measure."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Browser

from gateway.identity.forms import MULTIPART, PLAIN, Form
from gateway.identity.page import Page, joined
from gateway.identity.text import decoded
from tests.support.cost import cost

URL = "https://shop.example.com/shop/login?next=%2F#top"

PAGES = {
    "every kind of field": """<form action=in method=post>
        <input name=text value="a &amp; b"><input name=bare value=x/y><input name=none><input value=nameless>
        <input type=HIDDEN name=hidden value='"'><input type=checkbox name=on checked><input type=checkbox name=off>
        <input type=radio name=r value=1><input type=radio name=r value=2 checked><input type=button name=b value=b>
        <input type=reset name=reset><input type=number name=n value=7><input disabled name=gone value=x>
        <textarea name=area>\n <form> &lt;b&gt; </textarea><button name=go value=1>Go</button>
        <button name=no value=2>No</button></form>""",
    "selects": """<form><select name=one><option>A  b<option value=c selected>C</select>
        <select name=first><option disabled>No</option><option>Yes &amp; no</option></select>
        <select name=many multiple><option selected>1<option>2<option selected value="">3</select>
        <select name=group><optgroup label=x><option value=g1>1</option></optgroup></select>
        <select name=empty></select><select name=last><option selected>1<option selected>2</select></form>""",
    "fields elsewhere": """<input form=f name=before value=1><form id=f><input name=in value=2></form>
        <input name=nobodys value=3><form id=g><input form=f name=across value=4><input form=none name=lost></form>
        <button form=f name=go value=5></button>""",
    "odd markup": """<!-- <form><input name=comment></form> --><script>"<form><input name=script>"</script>
        <template><form><input name=template></form></template><style><form></style><title><form></title>
        <FORM ACTION="?a=1&b=2" METHOD="PoSt"><INPUT NAME="up" VALUE="Case" VALUE="twice"/><input/name=slash value=x>
        <form><input name=nested value=1></form><input name=after value=2><p a='<input name=quoted>'> 1 < 2 <3 </p >
        <input name = "spaced" value = 'y'><input name="line" value="a
b">""",
    "fieldsets": """<form><fieldset disabled><input name=no value=1></fieldset><fieldset><input name=yes value=1>
        </fieldset><button disabled name=go value=0></button><input type=submit name=go value="Sign in"></form>""",
    "what a button says": """<form action=/a><input name=x value=1>
        <button formaction="/b?c" formmethod=post formenctype=multipart/form-data name=go value=v></button></form>""",
    "a picture as a button": "<form method=post><input name=x value=1><input type=image name=pic src=data:,></form>",
    "a base": """<base href="/elsewhere/"><base href="/no/"><form action="in"></form><form></form>
        <a href="out">out</a><a href=" ?q#f ">q</a><a href="//other.test/x">o</a><a href="javascript:x()">j</a>""",
    "text with no end": """<form><textarea name=area>never <input name=x value=1>""",
    "a form that two claim": """<form id=a><input name=one value=1></form><form id=a><input name=two value=2></form>
        <input form=a name=three value=3>""",
}

ASK = """() => [...document.forms].map(form => {
    const buttons = [...document.querySelectorAll('input, button')].filter(each => each.form === form);
    const button = buttons.find(each => ['submit', 'image'].includes(each.type) && !each.matches(':disabled'));
    const fields = [...new FormData(form, button)].map(([name, value]) => [name, value.replace(/\\r?\\n/g, '\\r\\n')]);
    const bare = url => url.split('#')[0];
    return {fields, action: bare(button && button.hasAttribute('formaction') ? button.formAction : form.action),
            method: (button && button.formMethod || form.method).toUpperCase(),
            enctype: button && button.formEnctype || form.enctype};
})"""


def as_chromium(form: Form) -> dict[str, object]:
    """What is sent is taken from the request itself."""
    sent = parse_qsl(form.filled({}).target.partition("?")[2], True) if form.method == "GET" else form.pairs({})
    lines = [[name, value.replace("\r\n", "\n").replace("\n", "\r\n")] for name, value in sent]
    return {"fields": lines, "action": form.action, "method": form.method, "enctype": form.enctype}


@pytest.mark.parametrize("markup", PAGES.values(), ids=PAGES)
def test_forms_are_what_chromium_sees(browser: Browser, markup: str) -> None:
    tab = browser.new_page()
    try:
        tab.route("**/*", lambda route: route.fulfill(body=f"<!doctype html>{markup}", content_type="text/html"))
        tab.goto(URL)
        theirs = tab.evaluate(ASK)
        links = tab.evaluate("() => [...document.links].map(each => each.href.split('#')[0])")
    finally:
        tab.close()
    page = Page(markup, URL.partition("#")[0])
    assert [as_chromium(form) for form in page.forms] == theirs
    assert list(page.links) == [link for link in links if link.startswith("http")]
    assert theirs


def test_what_is_typed_goes_where_a_person_could_type_it() -> None:
    markup = "<form><input type=hidden name=a value=1><input name=a value=2><input type=hidden name=b value=3></form>"
    assert Page(markup, URL).forms[0].pairs({"a": "x", "b": "y", "c": "z"}) == [("a", "1"), ("a", "x"), ("b", "y")]


def test_a_box_is_one_field_and_whether_it_goes_along() -> None:
    [form] = Page("<form><input type=checkbox name=keep value=1><input type=password name=pw></form>", URL).forms
    assert [(field.name, field.type, field.sent) for field in form.fields] == [
        ("keep", "checkbox", False),
        ("pw", "password", True),
    ]


def test_each_way_to_encode_a_form_says_which_it_is() -> None:
    typed = {'a"\n': "é€\n"}
    made = {
        kind: Page(f"<form method=post enctype={kind}><input name='a\"\n'></form>", URL, "cp1252")
        .forms[0]
        .filled(typed)
        for kind in ("none", MULTIPART, PLAIN)
    }
    assert (made["none"].content_type, made["none"].body) == (
        "application/x-www-form-urlencoded",
        b"a%22%0D%0A=%E9%80%0D%0A",
    )
    boundary = made[MULTIPART].content_type.partition("boundary=")[2].encode()
    head = b'Content-Disposition: form-data; name="a%22%0D%0A"'
    assert made[MULTIPART].body == b"--%b\r\n%b\r\n\r\n\xe9\x80\r\n\r\n--%b--\r\n" % (boundary, head, boundary)
    assert (made[PLAIN].content_type, made[PLAIN].body) == ("text/plain", b'a"\r\n=\xe9\x80\r\n\r\n')


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("/a b?ü=ß#x", "https://shop.example.com/a%20b?%C3%BC=%C3%9F"),
        (" \n/a\tb ", "https://shop.example.com/ab"),
        ("HTTP://Other.test", "http://Other.test"),
        ("%zz%20", "https://shop.example.com/shop/%zz%20"),
        ("javascript:alert(1)", ""),
        ("mailto:a@b.test", ""),
        ("http://[::", ""),
        ("http://", ""),
    ],
)
def test_an_address_is_absolute_and_ascii_or_none(said: str, means: str) -> None:
    assert joined(URL, said) == means


@pytest.mark.parametrize(
    ("page", "type", "codec"),
    [
        (b"x", "text/html; charset=UTF-8", "utf-8"),
        (b"x", "text/html;charset='latin1'", "cp1252"),
        (b"<meta charset=utf-8>", "text/html; charset=koi8-r", "koi8-r"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=Shift_JIS">', "text/html", "shift_jis"),
        (b"x", "text/html", "cp1252"),
        ("é".encode(), "text/html", "utf-8"),
        (b"\xe9", "text/html", "cp1252"),
        ("é".encode() * 40000 + b"\xc3", "text/html", "utf-8"),
        (b"x" + "é".encode() * 40000 + b"\xc3", "text/html", "utf-8"),
        (b"\xef\xbb\xbfx", "text/html; charset=koi8-r", "utf-8"),
        (b"x", "text/html; charset=utf-7", "utf-8"),
        (b"x", "text/html; charset=rot13", "utf-8"),
        (b"x", "text/html; charset=zip", "utf-8"),
        (b"x", "text/html; charset=no-such", "utf-8"),
    ],
)
def test_the_characters_are_those_a_browser_would_read(page: bytes, type: str, codec: str) -> None:
    assert decoded(page, type)[1] == codec


HARD = [
    "<",
    "<a ",
    "<a b",
    '<a b="',
    "<a =",
    "<!--",
    "<!",
    "<?",
    "</a ",
    "<script>",
    "&#",
    "<select><option>",
    "<form>",
]


@pytest.mark.parametrize("piece", [*HARD, "&#" + "9" * 5000 + ";", "<form id=a><input form=a name=b>"])
def test_no_page_takes_long(piece: str) -> None:
    short, long = (piece * (size // len(piece)) for size in (1 << 17, 1 << 19))
    most = 12 * cost(lambda: Page(short, URL), enough=0.01) + 0.1
    assert (
        cost(lambda: Page(long, URL), enough=most) <= most
    )  # four times the page; quadratic were sixteen times the work
