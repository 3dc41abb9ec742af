"""Who is who in a run: `registry.json` holds the keys for Earth, `mars/persons.json` the people, who stay on Mars.

| file | holds | who may have it |
|---|---|---|
| `registry.json` | signers by pseudonym or name: keys, kinds, channels | Earth, any auditor |
| `mars/persons.json` | crew number -> devices that the person wears, names of the habitat's devices | Mars alone |

Nothing in the registry says who wears a device. A key of the suite `hmac-sha256` is a secret that both ends share;
it stands there all the same, marked `is_secret`: whoever can verify it can also forge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, model_validator

from twin.scenario.errors import ScenarioError

REGISTRY: Final = "registry.json"
PERSONS: Final = "mars/persons.json"
RUN_AGAIN: Final = "run the scenario again with this version"

_DEVICE: Final = re.compile(r"dev-([0-9a-f]{16})")


def _read_device(value: Any) -> Any:
    match = _DEVICE.fullmatch(value) if isinstance(value, str) else None
    if match is None and not isinstance(value, int):
        raise ValueError("a device is dev-<16 hex>, lower case")
    return value if match is None else int(match[1], 16)


def _read_hex(value: Any) -> Any:
    return bytes.fromhex(value) if isinstance(value, str) else value


DeviceId = Annotated[
    int,
    BeforeValidator(_read_device),
    Field(ge=0, lt=1 << 64),
    PlainSerializer(lambda device: f"dev-{device:016x}", return_type=str),
]
KeyBytes = Annotated[
    bytes,
    BeforeValidator(_read_hex),
    Field(min_length=32, max_length=32),
    PlainSerializer(lambda key: key.hex(), return_type=str),
]


class Signer(Protocol):
    """What a registry needs to know of whoever signs: the suite, and what a verifier holds of the key."""

    @property
    def suite(self) -> str:
        """`ed25519` or `hmac-sha256`."""
        ...

    @property
    def public(self) -> bytes:
        """The public key; for hmac the shared secret itself."""
        ...


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VerifyingKey(_Part):
    """What verifies a signer's statements."""

    suite: Literal["ed25519", "hmac-sha256"]
    key: KeyBytes
    is_secret: bool

    @model_validator(mode="after")
    def _secrets_are_marked(self) -> VerifyingKey:
        if self.is_secret != (self.suite == "hmac-sha256"):
            raise ValueError("is_secret must be true for hmac-sha256 and false for ed25519")
        return self

    @classmethod
    def of(cls, signer: Signer) -> VerifyingKey:
        """The verifying end of a signer."""
        return cls.model_validate(
            {"suite": signer.suite, "key": signer.public, "is_secret": signer.suite == "hmac-sha256"}
        )


class RegisteredNode(_Part):
    """A node that signs statements: gateway or auditor."""

    name: str
    key: VerifyingKey


class RegisteredEdge(_Part):
    """An edge node: the name that signs its checkpoints, the pseudonym under which it signs its alert streams."""

    name: str
    device: DeviceId | None
    key: VerifyingKey


class RegisteredDevice(_Part):
    """A device as Earth knows it: a pseudonym, its first key, the columns of its samples."""

    device: DeviceId
    kind: str
    channels: tuple[str, ...]
    key: VerifyingKey


class RunRegistry(_Part):
    """The whole of `registry.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_: Literal["mars-iomt-twin/registry/1"] = Field("mars-iomt-twin/registry/1", alias="schema")
    gateway: RegisteredNode
    auditor: RegisteredNode
    edges: tuple[RegisteredEdge, ...]
    devices: tuple[RegisteredDevice, ...]

    def signers(self) -> dict[int, VerifyingKey]:
        """First key of whoever signs frames, by pseudonym: devices, and edges for their alert streams."""
        found = {device.device: device.key for device in self.devices}
        found.update({edge.device: edge.key for edge in self.edges if edge.device is not None})
        return found


class NamedDevice(_Part):
    """A device under the name that people on Mars call it."""

    name: str
    device: DeviceId


class Person(_Part):
    """One of the crew, counted from 1, and what they wear."""

    crew: Annotated[int, Field(ge=1)]
    devices: tuple[NamedDevice, ...]


class Persons(_Part):
    """The whole of `mars/persons.json`; `habitat` are the devices that nobody wears."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_: Literal["mars-iomt-twin/persons/1"] = Field("mars-iomt-twin/persons/1", alias="schema")
    persons: tuple[Person, ...]
    habitat: tuple[NamedDevice, ...] = ()


def write_registry(
    folder: Path,
    *,
    gateway: tuple[str, Signer],
    auditor: tuple[str, Signer],
    edges: Mapping[str, tuple[int | None, Signer]],
    devices: Mapping[int, tuple[str, Sequence[str], Signer]],
    persons: Mapping[int, Mapping[str, int]],
    habitat: Mapping[str, int],
) -> None:
    """Write `registry.json` and `mars/persons.json` into a run's folder.

    Args:
        gateway: Name and signer; likewise `auditor`.
        edges: Name -> (device id of its alert streams, None if it has none; signer of checkpoints and alerts).
        devices: Device id -> (kind, channels in the order of its sample rows, first signer).
        persons: Crew number from 1 -> name -> device id of what the person wears.
        habitat: Name -> device id of devices that nobody wears.
    """
    registry = RunRegistry(
        gateway=RegisteredNode(name=gateway[0], key=VerifyingKey.of(gateway[1])),
        auditor=RegisteredNode(name=auditor[0], key=VerifyingKey.of(auditor[1])),
        edges=tuple(
            RegisteredEdge(name=name, device=device, key=VerifyingKey.of(signer))
            for name, (device, signer) in edges.items()
        ),
        # by pseudonym: the order in which devices were handed out would say who wears them
        devices=tuple(
            RegisteredDevice(device=device, kind=kind, channels=tuple(channels), key=VerifyingKey.of(signer))
            for device, (kind, channels, signer) in sorted(devices.items())
        ),
    )
    people = Persons(
        persons=tuple(Person(crew=crew, devices=_named(worn)) for crew, worn in sorted(persons.items())),
        habitat=_named(habitat),
    )
    _write(folder / REGISTRY, registry)
    _write(folder / PERSONS, people)


def _named(devices: Mapping[str, int]) -> tuple[NamedDevice, ...]:
    return tuple(NamedDevice(name=name, device=device) for name, device in devices.items())


def _write(path: Path, model: BaseModel) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(model.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")


def load_registry(run_dir: Path) -> RunRegistry:
    """Read a run's registry.

    Raises:
        ScenarioError: missing, unreadable or of another form.
    """
    return _load(run_dir / REGISTRY, RunRegistry, "registry of signers", RUN_AGAIN)


def load_persons(run_dir: Path) -> Persons:
    """Read who wears what.

    Raises:
        ScenarioError: missing (it stays on Mars), unreadable or of another form.
    """
    return _load(run_dir / PERSONS, Persons, "map of persons", "it stays on Mars: ask there, or name a --device")


_Model = TypeVar("_Model", bound=BaseModel)


def _load(path: Path, model: type[_Model], what: str, when_missing: str) -> _Model:
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ScenarioError(f"{what} {path}", "is missing", str(path.parent), when_missing) from None
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ScenarioError(f"{what} {path}", reason, str(path.parent), "check its permissions") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ScenarioError(f"{what} {path}", first["msg"].lower(), where, RUN_AGAIN) from None
