"""Rules between the parts of a bare scenario: what is named exists, what is written can happen."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from twin.scenario.contacts import CONTACTS_MAX, ContactNetwork, ContactRule, ScriptedContact
from twin.scenario.crosschecks import check_listed_once, check_onset
from twin.scenario.errors import Key, RuleError, listed
from twin.scenario.link_faults import BundleReplay, ChanceOnLink, LinkOutage, PassCut, RateChange, StalePlan
from twin.scenario.stranger_faults import Babble
from twin.units import SIZE, format_duration, format_quantity

if TYPE_CHECKING:
    from twin.scenario.model import BareScenario

_ON_BARE_LINKS = ChanceOnLink | LinkOutage | PassCut | RateChange | BundleReplay


def check_bare(scenario: BareScenario) -> None:
    """Raise `RuleError` for the first rule between parts that a bare scenario breaks."""
    check_listed_once(scenario)
    _check_contacts(scenario)
    _check_traffic(scenario)
    _check_storage(scenario)
    links = scenario.network.links
    for index, fault in enumerate(scenario.faults):
        key: Key = ("faults", index)
        check_onset(scenario, fault, key)
        if isinstance(fault, StalePlan):
            if fault.node != "habitat":
                raise RuleError("a bare scenario has no gateway", "drop `node`: all nodes hold it", (*key, "node"))
            continue
        if isinstance(fault, Babble):
            _check_heard(fault, scenario.network, key)
            continue
        if not isinstance(fault, _ON_BARE_LINKS):
            raise RuleError(
                "a bare scenario has neither edge nodes nor a table", "use a fault of a link", (*key, "kind")
            )
        if isinstance(fault, LinkOutage) and fault.link is None:
            raise RuleError("a bare scenario has no stations", "give `link`", key)
        if fault.link not in links:
            raise RuleError("unknown link", listed(links, fault.link), (*key, "link"))


def _check_heard(fault: Babble, network: ContactNetwork, key: Key) -> None:
    hearing = tuple(name for name in network.nodes if any(pair[1] == name for pair in network.pairs))
    if fault.node not in network.nodes:
        raise RuleError("unknown node", listed(network.nodes, fault.node), (*key, "node"))
    if fault.node not in hearing:
        raise RuleError("no contact leads there, so it hears nobody", listed(hearing, fault.node), (*key, "node"))


def _check_contacts(scenario: BareScenario) -> None:
    network = scenario.network
    for index, name in enumerate(network.nodes):
        if name in network.nodes[:index]:
            raise RuleError(f"node {name} is listed twice", "list it once", ("network", "nodes", index))
    for index, rule in enumerate(network.contacts):
        _check_contact(network, rule, ("network", "contacts", index))
    total = sum(rule.count for rule in network.contacts)
    if total > CONTACTS_MAX:
        raise RuleError(
            f"{total} contacts, and {CONTACTS_MAX} are held", "use fewer repetitions", ("network", "contacts")
        )
    _check_overlaps(network)


def _check_contact(network: ContactNetwork, rule: ContactRule, key: Key) -> None:
    subject = f"contact {rule.label}"
    for attribute, name in (("from", rule.from_node), ("to", rule.to_node)):
        if name not in network.nodes:
            raise RuleError("unknown node", listed(network.nodes, name), (*key, attribute))
    if rule.from_node == rule.to_node:
        raise RuleError("a contact joins two nodes", "name another node", (*key, "to"), subject)
    if rule.end_us <= rule.start_us:
        order = "is before" if rule.end_us < rule.start_us else "is not after"
        raise RuleError(
            f"end {format_duration(rule.end_us)} {order} start {format_duration(rule.start_us)}",
            "swap them or drop the contact",
            (*key, "end"),
            subject,
        )
    if rule.count > 1 and rule.every_us is None:
        raise RuleError(
            f"{rule.count} repetitions need `every`", "add for example `every: 1 h`", (*key, "count"), subject
        )


def _check_overlaps(network: ContactNetwork) -> None:
    written = [(contact, index) for index, rule in enumerate(network.contacts) for contact in rule.occurrences()]
    written.sort(key=lambda pair: (pair[0].from_node, pair[0].to_node, pair[0].start_us))
    for (earlier, _), (later, index) in pairwise(written):
        if _link(earlier) == _link(later) and later.start_us < earlier.end_us:
            raise RuleError(
                f"starts {format_duration(later.start_us)} after the start, inside the contact that ends at "
                f"{format_duration(earlier.end_us)}",
                "merge the two, or move one",
                ("network", "contacts", index),
                f"contact {_link(later)}",
            )


def _check_traffic(scenario: BareScenario) -> None:
    network = scenario.network
    for index, flow in enumerate(scenario.traffic):
        key: Key = ("traffic", index)
        subject = f"traffic {flow.from_node}->{flow.to_node}"
        for attribute, name in (("from", flow.from_node), ("to", flow.to_node)):
            if name not in network.nodes:
                raise RuleError("unknown node", listed(network.nodes, name), (*key, attribute))
        if flow.to_node not in _reached(flow.from_node, network.pairs):
            raise RuleError("no chain of contacts leads there", "add contacts, or drop the flow", (*key, "to"), subject)
        if flow.last_us >= scenario.duration_us:
            raise RuleError(
                f"the last bundle would leave at {format_duration(flow.last_us)}, after the end at "
                f"{format_duration(scenario.duration_us)}",
                "lower the count or lengthen the duration",
                (*key, "count"),
                subject,
            )
        largest_bytes = scenario.pipeline.bundle_bytes_max
        if flow.size_bytes > largest_bytes:
            raise RuleError(
                f"a payload is one bundle of at most {format_quantity(largest_bytes, SIZE)}",
                "send smaller payloads, or raise pipeline.bundle_bytes_max",
                (*key, "size"),
                subject,
            )


def _check_storage(scenario: BareScenario) -> None:
    network = scenario.network
    largest_bytes = max(flow.size_bytes for flow in scenario.traffic)
    for name, size_bytes in network.storage_bytes.items():
        key: Key = ("network", "storage", name)
        if name not in network.nodes:
            raise RuleError("unknown node", listed(network.nodes, name), key)
        if size_bytes <= largest_bytes:
            raise RuleError(
                f"{format_quantity(size_bytes, SIZE)} hold no bundle with a payload of "
                f"{format_quantity(largest_bytes, SIZE)}, and none would ever pass",
                "give more storage, or send smaller payloads",
                key,
            )


def _reached(source: str, pairs: set[tuple[str, str]]) -> set[str]:
    reached: set[str] = set()
    frontier = [source]
    while frontier:
        here = frontier.pop()
        onward = {there for origin, there in pairs if origin == here} - reached
        reached |= onward
        frontier += sorted(onward)
    return reached - {source}


def _link(contact: ScriptedContact) -> str:
    return f"{contact.from_node}->{contact.to_node}"
