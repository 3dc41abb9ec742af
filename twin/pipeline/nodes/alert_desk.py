"""Acts on alerts when their frame is durable, whatever is missing before it in its stream.

An alert is put into the alert table by its key: once, although two edges bring it. Then the flight surgeon's channel
is told, at least once: what was told is marked in the table, and what is not marked is told again after a restart. The
surgeon's acknowledgement is noted in the table, and every edge that brought the alert owes an answer to its receipt.
An alert is over when it is told, acknowledged, and known to be acknowledged by all who brought it.

The frame of an alert counts as stored, so that its head may move, only when the alert stands in the alert table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twin.pipeline.facts import AlertActedOn
from twin.pipeline.machine import (
    AlertNotTold,
    AlertPut,
    Effect,
    MarkAlertAcknowledged,
    MarkAlertTold,
    MarkReceiptTaken,
    PutAlert,
    Report,
    SurgeonHeard,
    TellSurgeon,
)
from twin.pipeline.nodes.backoff import Backoff
from twin.pipeline.nodes.requests import Requests
from twin.pipeline.nodes.stored import StoredAlert
from twin.pipeline.wire.frame import Alert, FrameError, decode_alert, peek_record
from twin.pipeline.wire.identity import AlertKey, RecordId
from twin.pipeline.wire.key_book import KeyBook
from twin.pipeline.wire.messages import Receipt, encode_signed
from twin.pipeline.wire.signing import Signer

SURGEON = "surgeon"
SURGEON_DOUBLINGS_MAX = 5  # a channel that was down is tried at least every 32 first waits

Post = Callable[[str, AlertKey, bytes, int, list[Effect]], None]


class _Open:
    """An alert that is not over; `owed` are the device ids of edges that have not taken the receipt; while `noting`,
    the acknowledgement is on its way to the table.
    """

    __slots__ = ("acknowledged_us", "noting", "owed", "telling", "text", "told")

    def __init__(self, text: str) -> None:
        self.text = text
        self.told = False
        self.telling = False
        self.noting = False
        self.acknowledged_us: int | None = None
        self.owed: dict[int, None] = {}


class AlertDesk:
    """All alerts that are not over.

    Args:
        edges: names of the edges by their device ids.
        retry_us: first wait after the channel took no message and named no time.
        post: sends an encoded receipt to an edge, until it is taken.
    """

    def __init__(
        self,
        book: KeyBook,
        edges: Mapping[int, str],
        signer: Signer,
        requests: Requests,
        retry_us: int,
        post: Post,
    ) -> None:
        self._book = book
        self._edges = edges
        self._signer = signer
        self._requests = requests
        self._backoff = Backoff(retry_us, SURGEON, SURGEON_DOUBLINGS_MAX)
        self._post = post
        self._tells: dict[int, AlertKey] = {}
        self.open: dict[AlertKey, _Open] = {}

    def restore(self, alerts: Sequence[StoredAlert]) -> None:
        """Take over what the alert table says is not over; `started` comes next."""
        for state in alerts:
            alert = self._opened(state.alert, state.frame)
            alert.told = state.told
            alert.acknowledged_us = state.acknowledged_us
            alert.owed = dict.fromkeys(state.owed)

    def started(self, now_us: int, out: list[Effect]) -> None:
        """Say again what nobody may have heard."""
        for key in list(self.open):
            self._tell(key, out)
            self._send_receipts(key, now_us, out)

    def read(self, frame: bytes, record: RecordId) -> Alert:
        """What an alert's verified frame says.

        Raises:
            FrameError: the body is no alert, or its signer is no edge.
        """
        if record.device not in self._edges:
            raise FrameError("an alert that no edge signed")
        return decode_alert(self._book.body(frame, record))

    def _opened(self, key: AlertKey, frame: bytes) -> _Open:
        if key not in self.open:
            self.open[key] = _Open(decode_alert(self._book.body(frame, peek_record(frame))).text)
        return self.open[key]

    # ------------------------------------------------------------ to the table and the surgeon

    def put(self, record: RecordId, frame: bytes, out: list[Effect]) -> None:
        """The alert's frame is durable: put it into the alert table."""
        key = self.read(frame, record).alert
        self._requests.ask(PutAlert(next(self._requests.ids), key, frame), out)

    def was_put(self, answer: AlertPut, now_us: int, out: list[Effect]) -> RecordId | None:
        """The alert stands in its table; the record that brought it, which counts as stored now."""
        request = self._requests.answered(answer.id, PutAlert)
        if request is None:
            return None
        out.append(Report(AlertActedOn(request.alert, answer.is_new)))
        record = peek_record(request.frame)
        alert = self._opened(request.alert, request.frame)
        alert.owed[record.device] = None
        alert.told = alert.told or answer.told
        if answer.acknowledged_us is not None and not alert.noting:
            alert.acknowledged_us = answer.acknowledged_us
        self._tell(request.alert, out)
        self._send_receipts(request.alert, now_us, out)
        return record

    def _tell(self, key: AlertKey, out: list[Effect]) -> None:
        alert = self.open[key]
        if not alert.told and not alert.telling and not self._backoff.waiting:
            alert.telling = True
            request = next(self._requests.ids)
            self._tells[request] = key
            out.append(TellSurgeon(request, key, alert.text))

    def was_told(self, request: int, out: list[Effect]) -> bool:
        """The channel took a message; False if it was not asked to."""
        key = self._tells.pop(request, None)
        if key is None:
            return False
        self._backoff.served()
        alert = self.open.get(key)
        if alert is not None:
            alert.telling = False
            alert.told = True
        self._requests.ask(MarkAlertTold(next(self._requests.ids), key), out)
        return True

    def was_not_told(self, answer: AlertNotTold, now_us: int, out: list[Effect]) -> bool:
        """The channel did not take a message: all wait; False if it was not asked to."""
        key = self._tells.pop(answer.id, None)
        if key is None:
            return False
        if key in self.open:
            self.open[key].telling = False
        out.extend(self._backoff.refused(now_us, answer.retry_after_us))
        return True

    def patience_is_over(self, out: list[Effect]) -> None:
        """The timer `SURGEON` fired."""
        self._backoff.over()
        for key in list(self.open):
            self._tell(key, out)

    # ------------------------------------------------------------ from the surgeon

    def acknowledge(self, key: AlertKey, now_us: int, out: list[Effect]) -> None:
        """The flight surgeon acknowledged an alert: note it, and only then tell anybody.

        One that is not known here is noted too: it is over, or a leader before told of it and its frame will come.
        """
        alert = self.open.get(key)
        if alert is not None and alert.acknowledged_us is not None:
            if not alert.noting:
                out.append(SurgeonHeard(key))  # noted before, and said again
            return
        if alert is not None:
            alert.noting = True
            alert.acknowledged_us = now_us
        self._requests.ask(MarkAlertAcknowledged(next(self._requests.ids), key, now_us), out)

    def was_marked(self, request_id: int, now_us: int, out: list[Effect]) -> bool:
        """The alert table took a note; False if it was not asked to."""
        noted = self._requests.answered(request_id, MarkAlertAcknowledged)
        if noted is not None:
            out.append(SurgeonHeard(noted.alert))
            alert = self.open.get(noted.alert)
            if alert is not None:
                alert.noting = False
                alert.acknowledged_us = noted.at_us if alert.acknowledged_us is None else alert.acknowledged_us
                self._send_receipts(noted.alert, now_us, out)
            return True
        told = self._requests.answered(request_id, MarkAlertTold)
        taken = self._requests.answered(request_id, MarkReceiptTaken)
        done = told or taken
        if done is None:
            return False
        if taken is not None and taken.alert in self.open:
            self.open[taken.alert].owed.pop(taken.device, None)
        self._forget_if_over(done.alert)
        return True

    def _send_receipts(self, key: AlertKey, now_us: int, out: list[Effect]) -> None:
        alert = self.open[key]
        if alert.acknowledged_us is None or alert.noting:
            return
        unsigned = Receipt(key, alert.acknowledged_us)
        receipt = encode_signed(unsigned, self._signer)
        for device in alert.owed:
            self._post(self._edges[device], key, receipt, now_us, out)

    def receipt_taken(self, device: int, key: AlertKey, out: list[Effect]) -> None:
        """The edge with this device id has the receipt."""
        alert = self.open.get(key)
        if alert is not None and device in alert.owed:
            self._requests.ask(MarkReceiptTaken(next(self._requests.ids), key, device), out)

    def _forget_if_over(self, key: AlertKey) -> None:
        alert = self.open.get(key)
        if alert is None or alert.noting or alert.acknowledged_us is None:
            return
        if alert.told and not alert.owed:
            del self.open[key]
