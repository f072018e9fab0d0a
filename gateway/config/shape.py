"""The shape of routes.toml: one model per table. What an absent key means is settled in `meaning`."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.config import values
from gateway.config.kinds import (
    Age,
    Count,
    DirectoryStore,
    Header,
    Length,
    Name,
    Patterns,
    Preset,
    Secrets,
    Size,
    Span,
    StateStore,
    Table,
    Text,
    Verify,
    not_empty,
    one_or_more,
    parsed,
)
from gateway.config.settings import AppTimeouts, Limits
from gateway.config.shape_login import LoginTable, RequestKeys

LIMITS = Limits()
TIMEOUTS = AppTimeouts()


class GatewayTable(Table):
    listen: Annotated[tuple[str, int], parsed(values.listen)] = ("127.0.0.1", 8000)
    public_url: Annotated[SplitResult, parsed(values.public_url)]
    state: StateStore = Field(default="sqlite:gateway-state.db", validate_default=True)
    directory: DirectoryStore = Field(default="sqlite:gateway.db", validate_default=True)
    secret: Secrets
    trusted_proxies: list[Annotated[IPv4Network | IPv6Network, parsed(values.network)]] = Field(default=[])
    drain: Span = 30


class LimitsTable(Table):
    target: Length = LIMITS.target
    head: Length = LIMITS.head
    fields: Count = LIMITS.fields
    head_within: Span = 10
    read_within: Span = 60
    pause: Span = 30
    inspect: Size | None = None
    connections: Count = LIMITS.connections
    websockets: Count = LIMITS.websockets
    held_requests: Count = LIMITS.held_requests
    held_session: Size = LIMITS.held_session
    held_total: Size = LIMITS.held_total
    hashing: Count = LIMITS.hashing
    hashing_waiting: Count = LIMITS.hashing_waiting


class AdminTable(Table):
    listen: Annotated[tuple[str, int], parsed(values.listen)] | None = None


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


class Called(Table):
    name: Name
    action: Text


class TimeoutsTable(Table):
    connect: Span = TIMEOUTS.connect
    first_byte: Span = TIMEOUTS.first_byte
    idle: Span = TIMEOUTS.idle


class RouteTable(StepupKeys, RequestKeys, Called):
    show: Annotated[list[Text], BeforeValidator(one_or_more)] = Field(default=[])
    once: bool = False
    mode: Annotated[Literal["enforce", "report"], parsed(values.one_of("enforce", "report"))] = "enforce"


class AppTable(Table):
    name: Name
    host: Annotated[str, AfterValidator(values.host)] | None = None
    upstream: Annotated[str, AfterValidator(values.upstream)]
    signin: Annotated[str, AfterValidator(values.signin)] = "local"
    preset: Preset | None = None
    base: Annotated[str, AfterValidator(values.base)] = ""
    inject: bool = False
    login: LoginTable | None = None
    public: Patterns = Field(default=[])
    headers: HeadersTable = HeadersTable()
    stepup: StepupTable = StepupTable()
    timeouts: TimeoutsTable = TimeoutsTable()
    route: list[RouteTable] = Field(default=[])


class File(Table):
    gateway: GatewayTable
    admin: AdminTable = AdminTable()
    limits: LimitsTable = LimitsTable()
    session: SessionTable = SessionTable()
    stepup: StepupTable = StepupTable()
    app: Annotated[list[AppTable], AfterValidator(not_empty)]
