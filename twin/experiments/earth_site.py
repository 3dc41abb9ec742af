"""Earth's data center: stores, the flight surgeon's channel, who leads, and what becomes of it all by script.

Terms are kept here, outside every store: whoever is started as ingest leader gets a term higher than any used before.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twin.experiments.identities import AUDITOR, EARTH
from twin.experiments.machine_settings import MachineSettings
from twin.experiments.mission import Roles
from twin.experiments.power_cycles import PowerCycles
from twin.hosts.models.space_link import SpaceLink
from twin.hosts.models.surgeon_channel import ChannelSettings, SurgeonChannel
from twin.hosts.models.table import Table, TableSettings
from twin.hosts.simulated import SimulatedHost
from twin.pipeline.machine import (
    KeepCheckpoint,
    Machine,
    MarkAlertAcknowledged,
    MarkAlertTold,
    MarkReceiptTaken,
    PutAlert,
    ReadRows,
    SurgeonHeard,
    TellSurgeon,
    WriteAttestation,
    WriteHead,
    WriteRows,
)
from twin.scenario.earth_faults import StaleLeader
from twin.scenario.model import HabitatScenario
from twin.trace import ReaderSaw

SECOND = "earth-2"
"""Host's name of an ingest leader that is put in while another one goes on."""
HANDOVER_US = 1_000_000
READ_EVERY_US = 900_000_000  # assumed: a reader on Earth looks every quarter of an hour
SESSION = 1


class EarthSite:
    """Stores and leaders of one run.

    Attributes:
        leaders: host's names of the nodes that may lead.
    """

    def __init__(
        self, host: SimulatedHost, scenario: HabitatScenario, folder: Path, roles: Roles, settings: MachineSettings
    ) -> None:
        self._host = host
        self._scenario = scenario
        self._roles = roles
        self._settings = settings
        self._term = 0
        self._twice = False
        t = scenario.earth.table
        per_table = TableSettings(t.latency_us, t.read_latency_us, t.write_capacity_rows_per_s)
        self.backup = Table(host, "backup", str(folder / "earth-backup.sqlite"), per_table)
        self.table = Table(host, "table", str(folder / "earth.sqlite"), per_table, self.backup)
        self.stores = {"table": self.table, "backup": self.backup}
        twice = any(isinstance(fault, StaleLeader) for fault in scenario.faults)
        self.leaders = (EARTH, SECOND) if twice else (EARTH,)
        channel = scenario.earth.surgeon
        response = ChannelSettings(channel.latency_us, scenario.clinic.surgeon_response_us)
        self.surgeon = SurgeonChannel(host, response, self.leaders)

    def carriers(self) -> dict[type[Any], Any]:
        """Carriers of all effects on stores and channel."""
        stores, table, surgeon = self.stores, self.table, self.surgeon
        return {
            WriteRows: lambda node, e: stores[e.store].write_rows(node, e),
            ReadRows: lambda node, e: stores[e.store].read_rows(node, e),
            WriteHead: table.write_head,
            WriteAttestation: lambda node, e: stores[e.store].write_attestation(node, e),
            PutAlert: table.put_alert,
            MarkAlertTold: table.mark_alert,
            MarkAlertAcknowledged: table.mark_alert,
            MarkReceiptTaken: table.mark_alert,
            KeepCheckpoint: table.keep_checkpoint,
            TellSurgeon: surgeon.tell,
            SurgeonHeard: surgeon.heard,
        }

    def machine(self, node: str) -> Machine:
        """A machine of Earth, built from what the stores hold."""
        if node == AUDITOR:
            return self._roles.auditor.recover(self._settings.auditor(self.leaders), self.table.stored())
        self._term += 1
        return self._roles.gateway.recover(self._settings.gateway(self._term), self.table.lead(self._term))

    def close(self) -> None:
        """Nothing more is written."""
        for table in self.stores.values():
            table.close()

    # ------------------------------------------------------------ readers

    def start_readers(self) -> None:
        """Somebody on Earth looks at every stream now and then."""
        for stream, size, term in self.table.versions():
            self._host.trace.emit(self._host.now_us, "reader", ReaderSaw(SESSION, (*stream,), term, size))
        self._host.call_in(READ_EVERY_US, self.start_readers)

    # ------------------------------------------------------------ by script

    def restore(self, power: PowerCycles, down_us: int) -> None:
        """The table is lost and set up anew from the backup; whoever leads or audits is down meanwhile.

        All return with terms higher than any before: a leader that went on would ack rows that are gone.
        """
        for node in (AUDITOR, *self.leaders):
            if node == SECOND and not self._twice:
                continue
            power.crash(node, down_us)
        self.table.restore_from_backup(self._term + 1)

    def lead_twice(self, power: PowerCycles, links: Mapping[tuple[str, str], SpaceLink], begins: bool) -> None:
        """A second leader takes over while the first goes on, and hears what it hears; at the end one leads again."""
        if begins == self._twice:
            return  # another such fault is in force, or was
        self._twice = begins
        for pair, link in links.items():
            if pair[1] == EARTH:
                link.also = SECOND if begins else None
        if begins:
            power.start(SECOND)
        else:
            power.retire(SECOND)
            power.crash(EARTH, HANDOVER_US)
