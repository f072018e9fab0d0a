"""Other spellings of a sensitive path, method or target; and those that only look alike, and have to pass."""

from __future__ import annotations

from collections.abc import Iterator

from tests.journeys.attack import FORM, Case, Must, message

# route-match: other spellings of a sensitive path


SPELLINGS = {
    "as it is": "GET /admin/users",
    "the bare prefix": "GET /admin",
    "the bare prefix with a slash": "GET /admin/",
    "upper case": "GET /ADMIN/users",
    "mixed case": "POST /Account/EMail",
    "one letter encoded": "GET /a%64min/users",
    "every letter encoded": "GET /%61%64%6d%69%6e/x",
    "an encoded capital": "GET /%41dmin/x",
    "encoded twice": "GET /%2561dmin/x",
    "the percent sign encoded twice over": "GET /%25%36%31dmin/x",
    "the slash encoded": "GET /admin%2Fkeys",
    "the slash encoded in lower case": "GET /admin%2fkeys",
    "the slash encoded twice": "GET /admin%252fkeys",
    "the first slash twice": "GET //admin/x",
    "the first slash three times": "GET ///admin///x",
    "the second slash twice": "POST /account//email",
    "an encoded slash first": "GET /%2fadmin/x",
    "a dot segment first": "GET /./admin/x",
    "a dot segment between": "POST /account/./password",
    "a dot segment last": "POST /account/email/.",
    "an encoded dot last": "POST /account/email/%2e",
    "up and down again": "GET /notes/../admin/x",
    "up by encoded dots": "GET /notes/%2e%2e/admin/x",
    "up by half encoded dots": "GET /notes/.%2E/admin/x",
    "up by dots encoded twice": "GET /notes/%252e%252e/admin/x",
    "up by an encoded slash": "GET /notes/..%2fadmin/x",
    "up by dots and slash encoded": "GET /notes%2f%2e%2e%2fadmin%2fx",
    "higher than the root": "GET /../../../admin/x",
    "higher than the root, encoded": "GET /%2e%2e/%2e%2e/admin/x",
    "through itself": "GET /admin/x/../y",
    "a backslash": "GET /admin\\x",
    "an encoded backslash": "GET /admin%5Cx",
    "a backslash first": "GET /\\admin/x",
    "up by a backslash": "GET /notes/..\\admin/x",
    "up by an encoded backslash": "GET /notes/..%5cadmin/x",
    "a path parameter": "GET /admin;v=2/x",
    "a session in a path parameter": "POST /account/email;jsessionid=77AA",
    "an empty path parameter": "POST /account/email;",
    "an encoded path parameter": "POST /account/email%3bv=1",
    "a parameter as a segment": "GET /;x=1/admin/x",
    "a bare semicolon as a segment": "GET /;/admin/x",
    "up with a parameter": "GET /notes/..;/admin/x",
    "up with a named parameter": "GET /notes/..;a=1/admin/x",
    "a trailing slash": "POST /account/email/",
    "two trailing slashes": "POST /account/email//",
    "an encoded trailing slash": "POST /account/email%2f",
    "a trailing dot": "POST /account/email.",
    "a dot after the prefix": "GET /admin./x",
    "an encoded trailing space": "POST /account/email%20",
    "an encoded tab": "POST /account/email%09",
    "an encoded line feed": "POST /account/email%0a",
    "an encoded NUL": "POST /account/email%00",
    "a NUL and another ending": "GET /admin/x%00.css",
    "an encoded hash": "POST /account/email%23top",
    "an encoded question mark": "POST /account/email%3fx=1",
    "an overlong dot": "GET /notes/%c0%ae%c0%ae/admin/x",
    "an overlong slash": "GET /admin%c0%afx",
    "a letter of classic ASP": "GET /%u0061dmin/x",
    "a fullwidth letter": "GET /%ef%bd%81dmin/x",
    "a session of ASP.NET": "GET /(S(aabbccddeeff))/admin/x",
    "a session of ASP.NET inside a word": "GET /adm(S(x))in/x",
    "a stream of NTFS": "POST /account/email::$DATA",
    "another format": "GET /account/delete.json",
    "a format of the administration": "GET /admin.html",
    "behind a front controller": "POST /index.php/account/email",
    "behind another front controller": "GET /app.php/admin/x",
    "a file below the prefix that looks static": "GET /admin/users/logo.png",
    "an open path in the query": "GET /admin/x?next=/notes",
    "two question marks": "GET /admin/x??/notes",
    "an encoded digit": "DELETE /api/keys/%37",
    "an encoded slash before the digit": "DELETE /api/keys%2f7",
    "another case of an ending": "GET /billing/invoices/7.PDF",
    "an encoded dot of an ending": "GET /billing/invoices/7%2epdf",
    "a slash after an ending": "GET /billing/invoices/7.pdf/",
    "no index file": "POST /?action=delete",
    "a script without its ending": "POST /index?action=delete",
    "a script with a path behind it": "POST /index.php/x?action=delete",
    "line breaks for a header": "GET /admin/%0d%0aSet-Cookie:%20a=b",
    "too much to read": "GET /" + "%2e%2e;%2f" * 60 + "admin/x",
}

# lookalike: what only looks as if, and has to pass


LOOKALIKES = {
    "the front page": "GET /",
    "a word that goes on": "GET /administrator/x",
    "a word that begins otherwise": "GET /myadmin/x",
    "the prefix further down": "GET /notes/admin/x",
    "the prefix in the query": "GET /notes?next=/admin/x",
    "the prefix, encoded, in the query": "GET /notes?next=%2Fadmin%2Fx",
    "dots in the query": "GET /notes?path=../admin/x",
    "another method of the same path": "GET /account/email",
    "the path of a method-bound route, read": "GET /api/keys/7",
    "the parent": "GET /account",
    "a segment more": "POST /account/email/history",
    "a segment between": "POST /account/my/email",
    "a plural": "GET /account/deletes",
    "one letter less": "GET /admi/x",
    "a hyphen more": "GET /admin-guide/x",
    "an underscore more": "GET /admin_guide",
    "an encoded space inside": "GET /files/a%20b.txt",
    "an encoded slash elsewhere": "GET /files/a%2fb",
    "an encoded slash elsewhere, in capitals": "GET /files/a%2Fb",
    "an encoded percent sign": "GET /files/100%25.txt",
    "a double slash elsewhere": "GET /files//a",
    "a dot segment elsewhere": "GET /files/./a",
    "up elsewhere": "GET /files/a/../b",
    "a semicolon elsewhere": "GET /matrix;a=1/b",
    "a backslash elsewhere": "GET /files/a%5cb",
    "accents": "GET /caf%C3%A9/%E6%97%A5%E6%9C%AC",
    "an accent of an old character set": "GET /caf%E9",
    "a tilde": "GET /~ada/",
    "an at sign, a colon": "GET /@ada:home/x",
    "a plus": "GET /search/c++?q=a+b",
    "a trailing dot elsewhere": "GET /files/report.",
    "a dot file": "GET /.well-known/change-password",
    "an empty query": "GET /notes?",
    "only ampersands": "GET /notes?&&=&",
    "a query without equals": "GET /notes?7f3a",
    "square brackets": "GET /notes?a[]=1&a[b]=2",
    "a bar and braces in the query": "GET /notes?q={a|b}",
    "a long path": "GET /" + "a" * 3000,
    "a preflight": "OPTIONS /account/email",
    "an unusual method": "PROPFIND /dav/x",
    "the front controller, viewing": "GET /index.php?action=view",
    "the front controller, not posted": "GET /index.php?action=delete",
    "the field's name as a value": "GET /index.php?view=action&delete=no",
    "another picture format": "GET /billing/invoices/7.png",
    "the list of invoices": "GET /billing/invoices/",
}


# method: what else says which method it is


METHODS = {
    "HEAD for GET": message("HEAD /billing/invoices/7.pdf"),
    "a method nobody listed": message("PUT /account/delete"),
    "a method of WebDAV": message("MKCOL /admin/x"),
    "a method made up": message("ZAP /account/delete"),
    "lower case": message("post /account/email", FORM, body=b"email=a"),
    "mixed case": message("Delete /api/keys/7"),
    "TRACE": message("TRACE /admin/x"),
    "CONNECT": message("CONNECT {HOST}"),
    "the override header": message("POST /api/keys/7", "X-HTTP-Method-Override: DELETE", FORM, "Content-Length: 0"),
    "its short name": message("POST /api/keys/7", "X-HTTP-Method: DELETE", FORM, "Content-Length: 0"),
    "its other name": message("POST /api/keys/7", "X-Method-Override: delete", FORM, "Content-Length: 0"),
    "its name with underscores": message("POST /api/keys/7", "X_HTTP_Method_Override: DELETE", "Content-Length: 0"),
    "two values in it": message("POST /api/keys/7", "X-HTTP-Method-Override: POST, DELETE", "Content-Length: 0"),
    "the override header on GET": message("GET /account/email?email=a", "X-HTTP-Method-Override: POST"),
    "_method in the query": message("POST /api/keys/7?_method=DELETE", FORM, "Content-Length: 0"),
    "_method in the query of GET": message("GET /account/email?_method=POST&email=a"),
    "_method, encoded": message("POST /api/keys/7?%5fmethod=%44ELETE", FORM, "Content-Length: 0"),
    "_method in the form": message("POST /api/keys/7", FORM, body=b"_method=delete"),
    "_method in JSON": message("POST /api/keys/7", "Content-Type: application/json", body=b'{"_method":"DELETE"}'),
    "_method in a body nobody can read": message(
        "POST /api/keys/7", FORM + "; charset=ibm037", body=b"\x6d\x94\x85\xa3\x88\x96\x84\x7e"
    ),
}


# target-form: what HTTP allows besides a path


TARGETS = {
    "the whole address": (Must.ASK, message("GET http://{HOST}/admin/x")),
    "the whole address, in capitals": (Must.ASK, message("GET HTTP://{HOST}/admin/x")),
    "the whole address, by https": (Must.ASK, message("GET https://{HOST}/admin/x")),
    "the whole address, with a spelling": (Must.ASK, message("GET http://{HOST}//%61dmin/x")),
    "the address of another host": (Must.BAD, message("GET http://evil.test/admin/x")),
    "an address with a user name": (Must.BAD, message("GET http://a@{HOST}/admin/x")),
    "an address of another kind": (Must.BAD, message("GET ftp://{HOST}/admin/x")),
    "no slash at all": (Must.BAD, message("GET admin/x")),
    "a star": (Must.BAD, message("OPTIONS *")),
    "a fragment": (Must.BAD, message("GET /admin/x#top")),
    "a fragment before": (Must.BAD, message("GET /notes#/../admin/x")),
    "half an escape": (Must.BAD, message("GET /admin/x%2")),
    "an escape that is none": (Must.BAD, message("GET /admin/%zz")),
    "a byte beyond ASCII": (Must.BAD, message("GET /\xe1dmin/../admin/x")),
    "a space inside": (Must.BAD, message("GET /admin /x")),
    "two spaces before the version": (Must.ASK, message("GET /admin/x ")),
    "HTTP/0.9": (Must.BAD, b"GET /admin/x\r\n\r\n"),
    "HTTP/2.0 in words": (Must.BAD, message("GET /admin/x", version="HTTP/2.0")),
    "a version in lower case": (Must.BAD, message("GET /admin/x", version="http/1.1")),
    "empty lines first": (Must.ASK, b"\r\n\r\n" + message("GET /admin/x")),
    "an older version": (Must.ASK, message("GET /admin/x", version="HTTP/1.0")),
}

WHOLE = {
    "the whole address of something harmless": ("GET http://{HOST}/notes?a=%2F", "/notes?a=%2F"),
    "the whole address of the front page": ("GET HTTP://{HOST}/", "/"),
}


# hosted: pages of ours, spelled otherwise

HOSTED = {
    "two slashes": "POST /.gateway//account/password",
    "up and down": "POST /.gateway/account/../account/password",
    "a dot segment": "POST /.gateway/./account/password",
    "in capitals": "POST /.GATEWAY/account/password",
    "encoded": "POST /%2egateway/account/password",
    "the slash encoded": "POST /.gateway%2faccount/password",
    "a backslash": "POST /.gateway\\account/password",
    "a parameter": "POST /.gateway;x/account/password",
    "from an open page": "POST /.gateway/static/../account/password",
    "from an open page, encoded": "POST /.gateway/static/%2e%2e/account/password",
    "a trailing slash": "POST /.gateway/account/password/",
    "encoded letters": "POST /.gateway/account/p%61ssword",
    "slashes first": "POST //.gateway/account/password",
    "nothing behind it": "GET /.gateway",
    "nothing of ours": "GET /.gateway/nothing",
    "overview in capitals": "GET /.Gateway/Account",
    "sign-in, encoded": "POST /.gateway/sign%69n",
    "an escape that is none": "GET /.gateway/confirm/%zz",
    "a method nobody knows": "PROPFIND /.gateway/account",
    "OPTIONS": "OPTIONS /.gateway/account/password",
}


def cases() -> Iterator[Case]:
    for name, line in SPELLINGS.items():
        yield Case(f"route-match: {name}", Must.ASK, message(line, body=b"email=a" if line.startswith("POST") else b""))
    for name, line in LOOKALIKES.items():
        method, target = line.split(" ", 1)
        yield Case(f"lookalike: {name}", Must.PASS, message(line), ((method, target, b""),))
    for name, raw in METHODS.items():
        yield Case(f"method: {name}", Must.ASK, raw)
    for name, (must, raw) in TARGETS.items():
        yield Case(f"target-form: {name}", must, raw)
    for name, (line, target) in WHOLE.items():
        yield Case(f"target-form: {name}", Must.PASS, message(line), (("GET", target, b""),))
    for name, line in HOSTED.items():
        yield Case(f"hosted: {name}", Must.ASK, message(line))
