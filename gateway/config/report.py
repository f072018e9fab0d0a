"""What there is to say about a routes.toml, and what it means; without what it takes to find out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.config.settings import Settings
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from gateway.config.shape import File


class Source(NamedTuple):
    """What settings were made of: the tables as written, those with what their presets bring, and their models."""

    said: dict[str, Any]
    full: dict[str, Any]
    file: File


@dataclass(frozen=True, slots=True)
class Report:
    """Printable lines. `settings` and `source` are None if there are problems; warnings stop nothing."""

    problems: list[str]
    warnings: list[str]
    settings: Settings | None = None
    source: Source | None = None

    def good(self) -> Settings:
        """The settings. Raises ConfigError with every problem."""
        if self.settings is None:
            raise ConfigError(self.problems)
        return self.settings
