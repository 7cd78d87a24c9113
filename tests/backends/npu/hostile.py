"""Containers, assembly and machine files that somebody has damaged, on purpose or not: deterministic by seed."""

import json
import random
import re

from aic.backends.npu.isa import KINDS, EncodeError, pack_entry, unpack_entry
from aic.backends.npu.machine import MachineError, read_machine

from .test_container import container, sections

WORD = ((0, 8), (8, 6), (14, 6), (20, 6), (26, 6), (32, 25), (57, 25), (82, 25), (107, 16), (123, 5))
"""First bit and width of every field of an instruction."""
NUMBERS = (0, 1, -1, 2, 15, 16, 17, 255, 65536, (1 << 31) - 1, 1 << 32, 1 << 46, 1 << 63, -(1 << 63), 10**30)
VALUES = (*NUMBERS, None, True, "", "x", "../../x", "\x1b[2J", [], {}, [[]], 1e308, -1e308, 0.5, 1e-300)
TOML = (*NUMBERS, 0.1, -0.0, 1e300, 1e-300, 48, 512, 1 << 26, (1 << 26) + 16, "inf", "nan", "true", '"x"', "[]")


def damaged(data: bytes, seed: int) -> bytes:
    """A container with one to four changes in its sections, whose sums are right again."""
    rng = random.Random(seed)
    parts = sections(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        name = rng.choice(("text", "text", "desc", "desc", "desc", "sems", "segments", "debug", "machine", "bytes"))
        match name:
            case "text":
                parts[name] = instructions(rng, parts[name])
            case "desc":
                parts[name] = descriptors(rng, parts[name])
            case "machine":
                parts[name] = machine(rng, parts[name].decode(errors="replace")).encode()
            case "bytes":
                name = rng.choice(sorted(parts))
                parts[name] = scratched(rng, parts[name])
            case _:
                parts[name] = document(rng, parts[name])
    try:
        digest = read_machine(parts["machine"].decode()).hash
    except (MachineError, UnicodeDecodeError):
        digest = bytes(16)
    return container(parts, digest)


def instructions(rng: random.Random, data: bytes) -> bytes:
    """With another value in a field."""
    at, (low, bits) = 16 * rng.randrange(max(len(data) // 16, 1)), rng.choice(WORD)
    word, mask = int.from_bytes(data[at : at + 16], "little"), (1 << bits) - 1
    value = rng.choice((0, 1, mask, rng.randrange(mask + 1), ((word >> low) + 1) & mask))
    return data[:at] + ((word & ~(mask << low)) | value << low).to_bytes(16, "little") + data[at + 16 :]


def descriptors(rng: random.Random, data: bytes) -> bytes:
    """With another value in a field, often the largest."""
    at = 32 * rng.randrange(max(len(data) // 32, 1))
    try:
        kind, fields = unpack_entry(data[at : at + 32])
    except EncodeError:
        return data
    made = dict(fields)
    for declared in rng.sample(KINDS[kind].fields, rng.choice((1, 1, 2, 6))):
        low = 1 if declared.unit == "count" else declared.low
        near = min(declared.high, max(low, made[declared.name] + rng.choice((-1, 1, 16))))
        made[declared.name] = rng.choice((low, declared.high, declared.high, rng.randint(low, declared.high), near))
    return data[:at] + pack_entry(kind, made) + data[at + 32 :]


def document(rng: random.Random, data: bytes) -> bytes:
    """JSON with another value, or one more, or one less."""
    try:
        whole = json.loads(data)
    except ValueError:
        return data
    places: list[tuple[list | dict, int | str]] = []
    open = [whole]
    while open:
        here = open.pop()
        if isinstance(here, list | dict):
            inside = list(here) if isinstance(here, dict) else list(range(min(len(here), 40)))
            places += [(here, key) for key in inside]
            open += [here[key] for key in inside]
    if not places:
        return json.dumps(rng.choice(VALUES)).encode()
    here, key = rng.choice(places)
    how = rng.random()
    if how < 0.1:
        del here[key]
    elif how < 0.2 and isinstance(here, list):
        here.insert(int(key), rng.choice(VALUES))
    else:
        here[key] = rng.choice(VALUES)
    return json.dumps(whole).encode()


def machine(rng: random.Random, text: str) -> str:
    """A machine file with another number."""
    found = list(re.finditer(r"(?<!\w)\d[\d.]*|true|false", text))
    if not found:
        return text
    number = rng.choice(found)
    return text[: number.start()] + str(rng.choice(TOML)) + text[number.end() :]


def scratched(rng: random.Random, data: bytes) -> bytes:
    """Bytes with bits flipped, parts left out, doubled or filled."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 2, 5))):
        at = rng.randrange(len(made) + 1)
        end = at + rng.choice((1, 4, 16, 64))
        match rng.randrange(5):
            case 0 if at < len(made):
                made[at] ^= 1 << rng.randrange(8)
            case 1:
                del made[at:end]
            case 2:
                made[at:at] = rng.randbytes(rng.choice((1, 4, 16)))
            case 3:
                made[at:at] = made[at:end]
            case _:
                made[at:end] = b"\xff" * len(made[at:end])
    return bytes(made)


def retyped(text: str, seed: int) -> str:
    """Assembly or a machine file with tokens changed, lost, doubled or moved."""
    rng = random.Random(seed)
    words = re.split(r"(\W+)", text)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, other = rng.randrange(len(words)), rng.randrange(len(words))
        match rng.randrange(6):
            case 0:
                words[at] = str(rng.choice(TOML))
            case 1:
                words[at] = ""
            case 2:
                words[at], words[other] = words[other], words[at]
            case 3:
                words[at] = words[at] * 2
            case 4:
                words[at] = rng.choice(("{", "}", "(", ")", "wait(", ".rep 9999999 i\n", ".endr\n", "\0", "\x1b", "é"))
            case _:
                words[at] = words[other]
    return "".join(words)
