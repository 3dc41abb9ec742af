"""Two edges and Earth's witness in any weather: when words arrive again, both witnesses follow every head, to the last.

Cosigning gates nothing, so no guarantee asks for it; but an edge keeps the leaves that a witness has not signed past.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from edge_pair import PairAndEarth
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from pipeline_parts import AUDITOR, EARTH, EDGE, PEER, frames_of, make_ack, of, said, stream_of
from solitude import SEEDS, bounded

from twin.pipeline.ledger.stream import Stream
from twin.pipeline.machine import KeepCheckpoint, Received, Send, TimerFired
from twin.pipeline.nodes.earth_witness import EarthWitness
from twin.pipeline.nodes.edge import CHECKPOINT
from twin.pipeline.nodes.witness import Witness
from twin.pipeline.wire.messages import Checkpoint, CheckpointOffer, Cosign, FrameOffer, decode, encode

OTHER = {EDGE: PEER, PEER: EDGE}
MEASURED, IN_ALL = 40, 60  # frames of a device while things go wrong, and with those that it keeps back for healing
FRAMES = {device: frames_of(device, IN_ALL) for device in (1, 2)}
TABLE = {stream_of(device): frames for device, frames in FRAMES.items()}
LOSSES: tuple[tuple[type, ...], ...] = ((), (), (CheckpointOffer,), (Cosign,))
CONTENTS = ("kept", "rolled back", "swapped")
EDGES, DEVICES = st.sampled_from(tuple(OTHER)), st.sampled_from(tuple(FRAMES))
LOST, MEDIA = st.sampled_from(LOSSES), st.sampled_from(CONTENTS)


class Planets(PairAndEarth):
    """Three witnesses; checkpoints wait in `for_earth`, Earth's words in `from_earth`, and `kept` is Earth's ledger."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Cosign] = {}
        self.for_earth: list[bytes] = []
        self.from_earth: list[tuple[str, bytes]] = []
        super().__init__(TABLE)

    def tell_auditor(self, message: Any) -> list[Any]:
        effects = super().tell_auditor(message)
        for cosign in [decode(raw) for keep in of(effects, KeepCheckpoint) for raw in keep.cosigns]:
            last = self.kept.setdefault((cosign.author, cosign.witness), cosign)
            self.kept[cosign.author, cosign.witness] = max(last, cosign, key=lambda word: word.counter)
        self.from_earth += [(word.author, encode(word)) for word in said(effects, EARTH) if isinstance(word, Cosign)]
        return effects

    def checkpoint(self, edge: str) -> Checkpoint | None:
        """The edge signs, if there is anything to sign."""
        made = None
        for send in of(self.deliver(edge, TimerFired(CHECKPOINT)), Send):
            if send.destination == OTHER[edge] and isinstance(offer := decode(send.data), CheckpointOffer):
                made = decode(offer.checkpoint)
                self.for_earth.append(offer.checkpoint)
        return made

    def reach_earth(self) -> None:
        """Of all that waits for a contact only the newest of each edge is sent."""
        newest = {decode(raw).author: raw for raw in self.for_earth}
        self.for_earth.clear()
        for raw in newest.values():
            self.tell_auditor(CheckpointOffer(raw, ()))

    def hear_earth(self) -> None:
        words, self.from_earth = self.from_earth, []
        for author, raw in words:
            self.deliver(author, Received(EARTH, raw))

    def follows(self, witness: str, author: str) -> bool:
        """Whether the witness knows the author's heads as they are."""
        streams = [stream for stream in self.edges[author].streams.values() if stream.size]
        if witness == AUDITOR:
            return dict(self.kept[author, AUDITOR].sizes) == {stream.id: stream.size for stream in streams}
        seen = self.edges[witness].ledger.witness.witnessed.get(author)
        known = {} if seen is None else {s: (size, root) for s, size, root in seen.heads if s in seen.live}
        return known == {stream.id: (stream.size, stream.log.root()) for stream in streams}


class Weather(RuleBasedStateMachine):
    """Edges lose media and words, and Earth's witness its memory; devices offer what an edge lacks."""

    @initialize()
    def begin(self) -> None:
        self.world = Planets()
        self.copies = {name: [(b"", 0)] for name in OTHER}
        self.sealed = dict.fromkeys(FRAMES, 0)
        self.verified = dict.fromkeys(FRAMES, 0)
        self.acks = 0

    def size(self, edge: str, device: int) -> int:
        stream = self.world.edges[edge].streams.get(stream_of(device))
        return 0 if stream is None else stream.size

    def offer(self, edge: str, device: int, until: int) -> None:
        """A device offers an edge what it lacks."""
        for frame in FRAMES[device][self.size(edge, device) : until]:
            self.world.deliver(edge, Received(f"device-{device}", encode(FrameOffer(frame))))
        self.sealed[device] = max(self.sealed[device], self.size(edge, device))

    @rule(edge=EDGES, device=DEVICES, frames=st.integers(0, 3), lost=LOST)
    def an_edge_signs(self, edge: str, device: int, frames: int, lost: tuple[type, ...]) -> None:
        """A device measures, and the edge signs; the words of this may be lost."""
        self.offer(edge, device, min(self.size(edge, device) + frames, MEASURED))
        self.world.lost = lost
        self.world.checkpoint(edge)
        self.world.lost = ()
        self.copies[edge].append((self.world.media[edge].synced, self.world.media[edge].start))

    @rule()
    def checkpoints_reach_earth(self) -> None:
        self.world.reach_earth()

    @rule(lost=st.booleans())
    def earth_is_heard(self, lost: bool) -> None:
        if lost:
            self.world.from_earth.clear()
        self.world.hear_earth()

    @rule()
    def the_auditor_starts_again(self) -> None:
        self.world.start_auditor(*self.world.kept.values())

    @rule(edge=EDGES, medium=MEDIA, back=st.integers(2, 4))
    def an_edge_starts_again(self, edge: str, medium: str, back: int) -> None:
        now = self.world.media[edge]
        contents = {"kept": (now.synced, now.start), "rolled back": self.copies[edge][-back:][0], "swapped": (b"", 0)}
        self.world.restart(edge, *contents[medium])

    @rule(edge=EDGES, device=DEVICES, frames=st.integers(0, 4), trimmed=st.booleans())
    def earth_acks(self, edge: str, device: int, frames: int, trimmed: bool) -> None:
        """A device hands on what Earth has verified since."""
        verified = self.verified[device] = min(self.verified[device] + frames, self.sealed[device])
        if verified:
            self.acks += 1
            ack = make_ack(FRAMES[device][:verified], verified if trimmed else 0, self.acks, device=device)
            self.world.deliver(edge, Received(f"device-{device}", encode(ack)))

    @rule(seed=SEEDS)
    def a_hard_week(self, seed: int) -> None:
        random = Random(seed)
        for _ in range(30):
            edge, device = random.choice(tuple(OTHER)), random.choice(tuple(FRAMES))
            what = random.random()
            if what < 0.5:
                self.an_edge_signs(edge, device, random.randint(0, 3), random.choice(LOSSES))
            elif what < 0.6:
                self.checkpoints_reach_earth()
            elif what < 0.7:
                self.earth_is_heard(lost=random.random() < 0.3)
            elif what < 0.75:
                self.the_auditor_starts_again()
            elif what < 0.87:
                self.an_edge_starts_again(edge, random.choice(CONTENTS), random.randint(2, 4))
            else:
                self.earth_acks(edge, device, random.randint(0, 4), trimmed=random.random() < 0.7)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.heal()

    def heal(self) -> None:
        """Devices offer all, if the edge knows them, and one measures on; edges sign, and everybody hears it."""
        for edge in OTHER:
            for device in FRAMES:
                if device == 1 or self.size(edge, device):
                    self.offer(edge, device, self.sealed[device])
        for _ in range(5):
            for edge in OTHER:
                self.signs_on(edge)
                self.world.reach_earth()
                self.world.hear_earth()
        for edge, peer in OTHER.items():
            for witness in (peer, AUDITOR):
                assert self.world.follows(witness, edge), f"{witness} does not follow {edge}"
            written = [head.stream for head in self.signs_on(edge).heads]
            assert written == [stream_of(1)], f"heads of {edge} do not come to rest"

    def signs_on(self, edge: str) -> Checkpoint:
        """One more frame of the first device, and a checkpoint."""
        self.offer(edge, 1, self.size(edge, 1) + 1)
        made = self.world.checkpoint(edge)
        assert made is not None, f"{edge} signs nothing"
        return made


TestWeather = Weather.TestCase
TestWeather.settings = bounded(60, 10)


def refuses_in_silence(self: Witness, offer: CheckpointOffer, follow: Any = Witness.follow) -> Any:
    entry, effects = follow(self, offer)
    return entry, effects if entry is not None else [effect for effect in effects if not isinstance(effect, Send)]


@pytest.mark.parametrize(
    ("role", "method", "bug"),
    [
        (Stream, "proof_start", (0, b"")),
        (Witness, "follow", refuses_in_silence),
        (EarthWitness, "_remind", lambda *_: None),
    ],
    ids=["no-proof-from-acks", "silent-refusal", "silent-earth"],
)
def test_a_bug_that_ends_it_is_caught(monkeypatch: pytest.MonkeyPatch, role: type, method: str, bug: Any) -> None:
    monkeypatch.setattr(role, method, bug)
    with pytest.raises(AssertionError, match="does not follow"):
        run_state_machine_as_test(Weather, settings=settings(bounded(200, 10), phases=[Phase.generate]))
