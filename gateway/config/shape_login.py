"""The shape of `[app.login]`: how an app's own sign-in looks from outside."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from gateway.config.kinds import (
    Cookie,
    Cookies,
    FieldNames,
    Fields,
    HeaderNames,
    Methods,
    Pattern,
    Patterns,
    Statuses,
    Table,
    Target,
    Text,
    Wording,
    Wordings,
)


class RequestKeys(Table):
    """Which requests are meant."""

    path: Pattern
    methods: Methods | None = None
    except_: Patterns = Field(default=[], alias="except")
    query: Fields | None = None
    form: Fields | None = None
    query_or_form: Fields | None = None
    json_: Fields | None = Field(default=None, alias="json")
    header: Fields | None = None


class SuccessTable(Table):
    """What the answer to a sign-in that worked looks like."""

    status: Statuses = Field(default=[])
    redirect: Patterns = Field(default=[])
    redirect_not: Patterns = Field(default=[])
    cookie: Cookie | None = None
    body: Wording | None = None
    body_not: Wording | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not any(getattr(self, key) for key in type(self).model_fields):
            raise ValueError('says nothing; write what only a sign-in that worked brings, such as { cookie = "sid" }')
        return self


class WhoAmITable(Table):
    path: Target
    pattern: Wording
    before: bool = True


class TokensTable(Table):
    """Names of header fields, and of fields of the address or a form."""

    header: HeaderNames = Field(default=[])
    query_or_form: FieldNames = Field(default=[])


class LogoutTable(RequestKeys):
    pass


class LoginTable(RequestKeys):
    page: Target
    username: Text | None = None
    password: Text
    cookies: Cookies
    tokens: TokensTable = TokensTable()
    success: SuccessTable
    logout: LogoutTable | None = None
    whoami: WhoAmITable | None = None
    locked: Wordings = Field(default=[])
    captcha: Wordings = Field(default=[])

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.whoami is not None and self.username is not None and "{user}" not in self.whoami.pattern:
            raise ValueError(
                "whoami.pattern says not where the name stands; "
                'put {user} in its place, as in "Logged in as {user}</b>"'
            )
        return self
