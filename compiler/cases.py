"""Test cases of a model: inputs with the outputs that they should give, from folders of files or from a reference.

test_data_set_0/input_0.pb, output_0.pb        ONNX's own form; model/test_data_set_*
inputs named as the model's in x.npz, outputs in x.expected.npz
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..dialects._shape import Array
from .compare import Tolerance, difference
from .culprit.judge import told
from .errors import UsageError
from .vectors import read_arrays


@dataclass(frozen=True)
class Case:
    """Inputs and expected outputs, by name or by position ("0", "1", ..)."""

    name: str
    inputs: Mapping[str, Array]
    expected: Mapping[str, Array]


@dataclass(frozen=True)
class Outcome:
    """What came of a case: "" in `why` if it is right."""

    name: str
    why: str
    seconds: float


def cases_of(folder: Path) -> list[Case]:
    """The cases of a folder: its test_data_set_*, or itself being one, and its .npz with .expected.npz; UsageError if
    there is none."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder", code="no-file")
    sets = sorted(p for p in folder.glob("test_data_set_*") if p.is_dir()) or [folder] * any(folder.glob("input_*.pb"))
    found = [Case(path.name, read_arrays(path, "input"), read_arrays(path, "output")) for path in sets]
    for file in sorted(folder.glob("*.expected.npz")):
        inputs = file.with_name(file.name.replace(".expected.npz", ".npz"))
        found.append(Case(inputs.stem, read_arrays(inputs), read_arrays(file)))
    if not found:
        raise UsageError(f"{folder}: expected test_data_set_N or X.npz with X.expected.npz in it", code="no-cases")
    return found


def verdict(found: Mapping[str, Array], expected: Mapping[str, Array], tolerance: Tolerance) -> str:
    """What is wrong with the outputs, "" if nothing is. Expected ones without a name of the model's go by position."""
    names = list(found)
    for index, (name, value) in enumerate(expected.items()):
        own = name if name in found else names[index] if index < len(names) else ""
        if not own:
            return f"{name}: there are {len(names)} outputs"
        if not tolerance.accepts(gap := difference(found[own], value, tolerance)):
            return f"{own}: {told(gap)}"
    return ""


def junit(suite: str, outcomes: Sequence[Outcome]) -> str:
    """The outcomes as JUnit's XML, which continuous integration reads."""
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    bad = sum(bool(o.why) for o in outcomes)
    total = f"{sum(o.seconds for o in outcomes):.3f}"
    root = Element("testsuite", name=suite, tests=str(len(outcomes)), failures=str(bad), time=total)
    for outcome in outcomes:
        case = SubElement(root, "testcase", classname=suite, name=outcome.name, time=f"{outcome.seconds:.3f}")
        if outcome.why:
            SubElement(case, "failure", message=outcome.why)
    indent(root)
    return tostring(root, encoding="unicode") + "\n"
