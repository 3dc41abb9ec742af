"""Faults on Earth: the table, its rows at rest, its leaders, and the channel to the flight surgeon."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from twin.scenario.fault_parts import AtInstant, ByChance, ForAWhile, WithDown
from twin.scenario.fields import PositiveDurationUs, RowRate, setting
from twin.units import format_duration

TABLE = "table"
CHANNEL = "channel to the flight surgeon"


class TableThrottling(ForAWhile):
    """The table on Earth takes fewer rows; what it refuses comes back as unprocessed items."""

    kind: Literal["table_throttling"]
    write_capacity_rows_per_s: RowRate = Field(description="Rows that the table takes in a second.")

    @property
    def place(self) -> str:
        return TABLE

    @property
    def detail(self) -> str:
        return f"{self.write_capacity_rows_per_s:g} rows/s"


class TableUnprocessed(ByChance):
    """Rows of a batch come back unprocessed although there is capacity, each with probability `rate`."""

    kind: Literal["table_unprocessed"]

    @property
    def place(self) -> str:
        return TABLE


class TableTimeout(ByChance):
    """A request is carried out and its answer never comes, with probability `rate` per request."""

    kind: Literal["table_timeout"]

    @property
    def place(self) -> str:
        return TABLE


class TableStaleRead(ByChance):
    """A read shows the rows as they were `age` before, with probability `rate` per read."""

    kind: Literal["table_stale_read"]
    age_us: PositiveDurationUs = setting(
        "1 s", "How old the rows are.", source="Amazon DynamoDB developer guide: eventual reads lag up to a second"
    )

    @property
    def place(self) -> str:
        return TABLE

    @property
    def detail(self) -> str:
        return f"{self.rate * 100:g} % as {format_duration(self.age_us)} before"


class RowRot(AtInstant):
    """A row at rest is changed behind everybody's back."""

    kind: Literal["row_rot"]
    store: Literal["table", "backup"] = setting("table", "Where.", source="assumed: the copy that is read most")

    @property
    def place(self) -> str:
        return self.store


class TableRestore(WithDown):
    """The table is lost and set up anew from the backup; gateway and auditor are down meanwhile."""

    kind: Literal["table_restore"]
    down_us: PositiveDurationUs = setting(
        "5 min", "How long that takes.", source="assumed: a point-in-time restore of a small table"
    )

    @property
    def place(self) -> str:
        return TABLE

    @property
    def detail(self) -> str:
        return "lost and restored from the backup"


class StaleLeader(ForAWhile):
    """A new ingest leader is put in while the old one goes on writing, which it does for so long."""

    kind: Literal["stale_leader"]

    @property
    def place(self) -> str:
        return "gateway"

    @property
    def detail(self) -> str:
        return "two ingest leaders"


class ChannelDown(ForAWhile):
    """The channel to the flight surgeon takes no message."""

    kind: Literal["channel_down"]

    @property
    def place(self) -> str:
        return CHANNEL


class ChannelBusy(ForAWhile):
    """The channel to the flight surgeon asks for patience (HTTP 429)."""

    kind: Literal["channel_busy"]
    retry_after_us: PositiveDurationUs = setting(
        "30 s", "The patience it asks for.", source="RFC 6585, 4: Retry-After; the value is assumed"
    )

    @property
    def place(self) -> str:
        return CHANNEL

    @property
    def detail(self) -> str:
        return f"asks for {format_duration(self.retry_after_us)}"


EarthFault = (
    TableThrottling
    | TableUnprocessed
    | TableTimeout
    | TableStaleRead
    | RowRot
    | TableRestore
    | StaleLeader
    | ChannelDown
    | ChannelBusy
)
