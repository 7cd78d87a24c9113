"""The driver: stages, artifacts that appear whole, manifests, reuse."""

import json
from dataclasses import replace
from pathlib import Path

import aic
import numpy as np
import pytest
from aic.compiler import cache
from aic.compiler.artifact import read_manifest, write_folder
from aic.compiler.driver import LEVELS, Options, compile_model, lower
from aic.compiler.frontends.onnx.model import load
from aic.compiler.interpret import interpret
from aic.compiler.ir_text import ir_text
from aic.compiler.reuse import artifact_key, compile_cached
from aic.compiler.targets import parse_target, target_named
from xdsl.parser import Parser

from .models import dense, expected

X = np.random.default_rng(1).standard_normal((3, 4)).astype(np.float32)
THREE = Options(dims={"N": 3})


@pytest.mark.parametrize("level", LEVELS[:3])
def test_a_model_runs_at_every_level_and_prints_and_parses(level: str) -> None:
    lowered = lower(dense(), "c", THREE, until=level)
    np.testing.assert_allclose(interpret(lowered.ctx, lowered.module, [X])[0], expected(X), rtol=1e-5, atol=1e-6)
    text = ir_text(lowered.module)
    assert 'loc("layer/' in text
    assert ir_text(Parser(lowered.ctx, text).parse_module()) == text


def test_an_artifact_has_a_manifest(tmp_path: Path) -> None:
    made = compile_model(dense(), "c", tmp_path / "art", THREE)
    manifest = read_manifest(tmp_path / "art")
    assert manifest == made.manifest
    assert manifest["inputs"] == [{"name": "x", "dtype": "float32", "shape": [3, 4]}]
    assert manifest["outputs"] == [{"name": "y", "dtype": "float32", "shape": [3, 40]}]
    assert set(manifest["files"]) == {p.name for p in (tmp_path / "art").iterdir()} - {"manifest.json"}
    np.testing.assert_allclose(made.load()([X])[0], expected(X), rtol=1e-5, atol=1e-6)
    assert next(stage for stage, _, _ in made.times) == "import"


def test_a_failed_compilation_leaves_what_was_there(tmp_path: Path) -> None:
    compile_model(dense(), "c", tmp_path / "art", THREE)
    before = (tmp_path / "art" / "manifest.json").read_bytes()
    with pytest.raises(aic.MissingToolError):
        compile_model(dense(), "c", tmp_path / "art", replace(THREE, cc="no-such-compiler"))
    with pytest.raises(aic.ShapeError):
        compile_model(dense(), "c", tmp_path / "new")
    assert (tmp_path / "art" / "manifest.json").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["art"]


def test_a_folder_that_is_no_artifact_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    (tmp_path / "file").write_text("")
    for name in ("mine", "file"):
        with pytest.raises(aic.UsageError, match="exists"):
            write_folder(tmp_path / name, lambda folder: None)
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_equal_compilations_are_taken_from_the_cache(tmp_path: Path) -> None:
    found, model = cache.open_cache(tmp_path / "cache"), load(dense())
    first, second = (compile_cached(model, "c", THREE, found) for _ in range(2))
    assert first.folder == second.folder and first.times and not second.times


def test_the_key_changes_with_what_the_artifact_depends_on() -> None:
    model = load(dense())
    changed = [
        (model, Options(dims={"N": 4})),
        (model, replace(THREE, level=1)),
        (model, replace(THREE, weights="embed")),
        (model, replace(THREE, cflags=("-g",))),
        (model, replace(THREE, settings={"l2": "65536"})),
        (load(dense(3)), THREE),
    ]
    keys = [artifact_key(m, "c", options) for m, options in [(model, THREE), *changed]]
    assert len(set(keys)) == len(keys)
    assert artifact_key(load(dense()), "c", THREE) == keys[0]


def test_targets_are_chosen_by_name_with_settings() -> None:
    choice = parse_target("c,vector_bytes=32,l2=512K")
    assert (choice.name, choice.settings) == ("c", {"vector_bytes": "32", "l2": "524288"})
    assert target_named("c").name == "c"
    for text in ("c,", "c,x"):
        with pytest.raises(aic.UsageError):
            parse_target(text)
    with pytest.raises(aic.UsageError, match="no target 'd'"):
        target_named("d")


def test_an_unknown_setting_level_or_kind_is_told() -> None:
    with pytest.raises(aic.AicError, match="no setting 'width'"):
        lower(dense(), "c", replace(THREE, settings={"width": "3"}))
    with pytest.raises(aic.UsageError, match="no level 'lop'"):
        lower(dense(), "c", THREE, until="lop")
    with pytest.raises(aic.UsageError, match="writes no 'exe2'"):
        compile_model(dense(), "c", None, replace(THREE, kinds=("exe2",)))
    with pytest.raises(aic.UsageError, match="identifier"):
        compile_model(dense(), "c", None, replace(THREE, name="a b"))


def test_a_manifest_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"schema": "aic.manifest/99"}))
    with pytest.raises(aic.CompileError, match=r"expected schema aic\.manifest/1, found aic\.manifest/99"):
        read_manifest(tmp_path)
