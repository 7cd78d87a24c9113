"""The house stands as it was drawn: import directions, ceilings, one pass a file and a test for each, one reader of the
environment, nothing loaded twice, and a light `aic --version`."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import aic
import pytest
from aic.compiler.context import find_pass, pass_files

ROOT = Path(aic.__file__).parent
TESTS = Path(__file__).parent
ROOMS = ("dialects", "passes", "backends", "compiler", "tools")
FILE_LINES, FUNCTION_LINES = 400, 60
FILES = sorted(
    file for room in ROOMS for file in (ROOT / room).rglob("*.py") if not (set(file.parts) & {"_demo", "runtime"})
)


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf8"))


def imported(file: Path) -> Iterator[tuple[str, ...]]:
    """What a file imports, as parts of a path: ("dialects", "loop"), ("numpy",)."""
    package = file.relative_to(ROOT).parts[:-1]
    for node in ast.walk(tree(file)):
        match node:
            case ast.Import(names=names):
                yield from (tuple(n.name.split(".")) for n in names)
            case ast.ImportFrom(module=module, names=names, level=0):
                yield tuple((module or "").split("."))
            case ast.ImportFrom(module=module, names=names, level=level):
                base = package[: len(package) - level + 1]
                inside = (*base, *(module.split(".") if module else ()))
                yield from (((*inside, n.name) if not module else inside) for n in names)
            case _:
                pass


def ours(path: tuple[str, ...]) -> bool:
    return path[0] in ROOMS and (ROOT / path[0]).is_dir()


def is_helper(path: tuple[str, ...]) -> bool:
    return any(part.startswith("_") for part in path[1:])


def complaint(file: Path, path: tuple[str, ...]) -> str | None:
    """Why this import may not stand in this file."""
    room, *rest = file.relative_to(ROOT).parts
    if path[0] in ("onnx", "onnxruntime") and room in ("dialects", "passes", "backends"):
        return "model formats are the frontends' business"
    if path[0] == "aic":
        return "inside the house, imports are relative"
    if not ours(path):
        return None
    match room:
        case "dialects":
            return None if path[0] == "dialects" else "dialects import dialects only"
        case "passes" if path[0] == "passes":
            return None if is_helper(path) or len(path) < 3 else "a pass imports no other pass"
        case "passes":
            return None if path[0] == "dialects" else "passes import dialects only"
        case "backends" if path[0] == "backends":
            same = path[1:2] in ((), ("target",), (rest[0],)) or path[1:2] == ("target",)
            return None if same else "a target imports no other target"
        case "backends":
            return None if path[0] == "dialects" else "backends import dialects only"
        case "compiler":
            return None if path[0] != "tools" else "the road does not know the tools"
        case _:
            return None if path[0] in ("compiler", "tools", "dialects") else "tools import compiler/ and words only"


def test_imports_run_down_the_floors():
    asked = {(file, path): complaint(file, path) for file in FILES for path in imported(file)}
    assert not [f"{name(file)}: {'.'.join(path)}: {why}" for (file, path), why in asked.items() if why is not None]


def test_files_and_functions_stay_below_the_ceilings():
    wrong: list[str] = []
    for file in FILES:
        lines = len(file.read_text(encoding="utf8").splitlines())
        wrong += [f"{name(file)}: {lines} lines"] if lines > FILE_LINES else []
        functions = [n for n in ast.walk(tree(file)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        long = {f.name: n for f in functions if (n := (f.end_lineno or 0) - f.lineno + 1) > FUNCTION_LINES}
        wrong += [f"{name(file)}: {function}: {n} lines" for function, n in long.items()]
    assert not wrong


def test_only_the_knobs_read_the_environment():
    read = [
        f"{name(file)}:{n.lineno}"
        for file in FILES
        for n in ast.walk(tree(file))
        if isinstance(n, ast.Attribute) and n.attr in ("environ", "getenv")
    ]
    assert all(place.startswith("compiler/knobs.py:") for place in read)


def test_modules_say_what_they_are():
    assert not [name(f) for f in FILES if f.read_text(encoding="utf8").strip() and not ast.get_docstring(tree(f))]


@pytest.mark.parametrize("name", sorted(pass_files()))
def test_a_file_is_a_pass_and_has_a_test(name: str):
    found = find_pass(name)  # ValueError if the file holds none, several, or one of another name
    assert found.__name__.lower() == name.replace("-", "")
    if not name.startswith("check-"):
        assert "-->" in (inspect.getmodule(found).__doc__ or ""), "expected a picture of the IR before --> after"
    stem = name.replace("-", "_")
    assert [f for f in TESTS.rglob(f"*{stem}*") if f.suffix in (".py", ".mlir")], "expected a test"


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_version_and_help_import_nothing_heavy(flag: str):
    loaded = python(f"import sys; from aic.__main__ import main; main(['{flag}']); print(sorted(sys.modules))")
    heavy = {"xdsl", "onnx", "numpy", "rich", "torch", "islpy", "lark"}
    assert not heavy & {name.strip("' ") for name in loaded.rpartition("[")[2].rstrip("]\n").split(",")}


def test_nothing_is_imported_twice():
    code = """
import collections, pkgutil, sys, aic
from importlib import import_module
for room in ("dialects", "passes", "backends", "compiler", "tools"):
    for info in pkgutil.walk_packages(import_module(f"aic.{room}").__path__, f"aic.{room}."):
        if "._demo" not in info.name:
            import_module(info.name)
names = collections.defaultdict(set)
for name, module in list(sys.modules.items()):
    if getattr(module, "__file__", None):
        names[module.__file__].add(name)
twice = {file: found for file, found in names.items() if len(found) > 1 and any(n.startswith("aic") for n in found)}
print(twice)
"""
    assert python(code).strip() == "{}"


def test_the_repository_names_no_place_outside_it():
    words = ("/" + "work/", "/" + "root/", "shared/" + "design", "shared/" + "scores")
    texts = [f for f in ROOT.rglob("*") if f.suffix in (".py", ".md", ".toml", ".mlir", ".rules", ".h") and f.is_file()]
    hidden = {".venv", ".git", ".hypothesis", ".ruff_cache", ".pytest_cache", "build"}
    texts = [f for f in texts if not set(f.relative_to(ROOT).parts) & hidden]
    found = {str(f.relative_to(ROOT)): w for f in texts for w in words if w in f.read_text(encoding="utf8")}
    assert not found
