"""The shape of routes.toml: one model per table. What an absent key means is settled in `load`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    model_validator,
)

from gateway.config import units, values
from gateway.config.secrets import Secret, read_secret
from gateway.policy import patterns, wording

LONGEST = 366 * 86400
LARGEST = 1 << 30


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a file's values point to: `folder` is where relative paths start."""

    folder: Path
    env: Mapping[str, str]


def parsed(parse: Callable[[str], Any], kind: str = "a string") -> PlainValidator:
    """A value that is written as a string and means something else."""

    def check(value: object) -> Any:
        if not isinstance(value, str):
            raise ValueError(f"is not {kind}; put it in quotes")
        return parse(value)

    return PlainValidator(check)


def duration(least: int) -> PlainValidator:
    """Seconds, `least` or more."""

    def check(value: str) -> int:
        found = units.seconds(value)
        if not least <= found <= LONGEST:
            raise ValueError(f'is out of range; write at least "{least}s" and at most "366d"')
        return found

    return parsed(check, 'a duration such as "5m"')


def _size(value: str) -> int:
    found = units.octets(value)
    if found > LARGEST:
        raise ValueError('is too much; write at most "1GiB"')
    return found


def _pattern(value: str) -> str:
    try:
        patterns.compile(value)
    except ValueError as error:
        raise ValueError(f"is no path pattern: {error}") from None
    return value


def _wording(value: str) -> str:
    wording.compile(value)
    return value


def _name_within(value: str) -> str:
    if "{user}" not in _wording(value):
        raise ValueError('says not where the name stands; put {user} in its place, as in "Logged in as {user}</b>"')
    return value


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _numbers(value: object) -> object:
    return [value] if isinstance(value, int) else value


def _not_empty(value: list[Any]) -> list[Any]:
    if not value:
        raise ValueError("is empty; name at least one, or leave the key out")
    return value


def _wanted(value: object) -> frozenset[str]:
    """The values of a condition; "*" alone is any value, the empty set."""
    several = value if isinstance(value, list) else [value]
    words = [each for each in several if isinstance(each, str)]
    if not words or len(words) < len(several):
        raise ValueError('is not a string or a list of strings; write for example "delete", or "*" for any value')
    return frozenset() if "*" in words else frozenset(words)


def _named(value: dict[str, Any]) -> dict[str, Any]:
    if not value or not all(value):
        raise ValueError('names no field; write for example { action = "delete" }')
    return value


def _secret(value: str, info: ValidationInfo[Surroundings]) -> Secret:
    return read_secret(value, info.context.folder, info.context.env)


def _store(value: str, info: ValidationInfo[Surroundings]) -> str:
    scheme, colon, rest = value.partition(":")
    if colon and scheme in values.STORES_LATER:
        raise ValueError('is not available in this version; write for example "sqlite:gateway.db"')
    if scheme != "sqlite" or not rest or rest == ":memory:":
        raise ValueError('names no store; write for example "sqlite:gateway.db"')
    path = Path(info.context.folder, rest).absolute()
    if not path.parent.is_dir():
        raise ValueError(f"is to be made in {path.parent}, which is no folder; make it first")
    return f"sqlite:{path}"


Text = Annotated[str, AfterValidator(values.text)]
Name = Annotated[str, AfterValidator(values.name)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Patterns = Annotated[list[Pattern], BeforeValidator(_one_or_more)]
Wording = Annotated[str, AfterValidator(_wording)]
Wordings = Annotated[list[Wording], BeforeValidator(_one_or_more)]
Target = Annotated[str, AfterValidator(values.target)]
Cookie = Annotated[str, AfterValidator(values.cookie)]
Header = Annotated[str, AfterValidator(values.identity_header)]
Store = Annotated[str, AfterValidator(_store)]
Age = Annotated[int, duration(0)]
Span = Annotated[int, duration(1)]
Size = Annotated[int, parsed(_size, 'a size such as "1MiB"')]
Verify = Annotated[list[Annotated[frozenset[str], PlainValidator(values.combination)]], AfterValidator(_not_empty)]
Fields = Annotated[dict[str, Annotated[frozenset[str], PlainValidator(_wanted)]], AfterValidator(_named)]
Secrets = Annotated[
    list[Annotated[Any, AfterValidator(_secret)]], BeforeValidator(_one_or_more), AfterValidator(_not_empty)
]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


class GatewayTable(Table):
    listen: Annotated[tuple[str, int], parsed(values.listen)] = ("127.0.0.1", 8000)
    public_url: Annotated[SplitResult, parsed(values.public_url)]
    state: Store = Field(default="sqlite:gateway-state.db", validate_default=True)
    directory: Store = Field(default="sqlite:gateway.db", validate_default=True)
    secret: Secrets
    trusted_proxies: list[Annotated[IPv4Network | IPv6Network, parsed(values.network)]] = []


class SessionTable(Table):
    idle: Span = 1800
    absolute: Span = 86400

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.idle > self.absolute:
            raise ValueError("idle is longer than absolute, and could never be reached; make it shorter")
        return self


class StepupKeys(Table):
    """The keys that each level may set for those below it."""

    max_age: Age | None = None
    verify: Verify | None = None
    hold_max: Size | None = None
    hold_for: Span | None = None


class StepupTable(StepupKeys):
    pass


class HeadersTable(Table):
    user: Header = "X-Auth-User"
    time: Header = "X-Auth-Time"
    methods: Header = "X-Auth-Methods"

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if len({name.lower().replace("_", "-") for name in (self.user, self.time, self.methods)}) < 3:
            raise ValueError("user, time and methods name the same field; each needs its own")
        return self


class RequestKeys(Table):
    """Which requests are meant."""

    path: Pattern
    methods: (
        Annotated[
            list[Annotated[str, AfterValidator(values.method)]],
            BeforeValidator(_one_or_more),
            AfterValidator(_not_empty),
        ]
        | None
    ) = None
    except_: Patterns = Field(default=[], alias="except")
    query: Fields | None = None
    form: Fields | None = None
    query_or_form: Fields | None = None
    json_: Fields | None = Field(default=None, alias="json")
    header: Fields | None = None


class RouteTable(RequestKeys, StepupKeys):
    name: Name
    action: Text
    show: Annotated[list[Text], BeforeValidator(_one_or_more)] = []
    once: bool = False
    mode: Annotated[Literal["enforce", "report"], parsed(values.one_of("enforce", "report"))] = "enforce"


class SuccessTable(Table):
    """What the answer to a sign-in that worked looks like."""

    status: Annotated[list[Annotated[int, Field(ge=200, le=499)]], BeforeValidator(_numbers)] = []
    redirect: Patterns = []
    redirect_not: Patterns = []
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
    pattern: Annotated[str, AfterValidator(_wording)]


class LogoutTable(RequestKeys):
    pass


class LoginTable(RequestKeys):
    page: Target
    username: Text | None = None
    password: Text
    cookies: Annotated[list[Cookie], BeforeValidator(_one_or_more), AfterValidator(_not_empty)]
    success: SuccessTable
    logout: LogoutTable | None = None
    whoami: WhoAmITable | None = None
    locked: Wordings = []
    captcha: Wordings = []

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.whoami is not None and self.username is not None:
            _name_within(self.whoami.pattern)
        return self


class AppTable(Table):
    name: Name
    host: Annotated[str, AfterValidator(values.host)] | None = None
    upstream: Annotated[str, AfterValidator(values.upstream)]
    signin: Annotated[str, AfterValidator(values.signin)] = "local"
    preset: str | None = None
    base: Annotated[str, AfterValidator(values.base)] = ""
    inject: bool = False
    login: LoginTable | None = None
    public: Patterns = []
    headers: HeadersTable = HeadersTable()
    stepup: StepupTable = StepupTable()
    route: list[RouteTable] = []


class File(Table):
    gateway: GatewayTable
    session: SessionTable = SessionTable()
    stepup: StepupTable = StepupTable()
    app: Annotated[list[AppTable], AfterValidator(_not_empty)]
