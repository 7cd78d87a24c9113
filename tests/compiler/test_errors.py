"""Codes, documents and texts of the errors; other people's exceptions as ours."""

import pytest
from aic.compiler import errors
from aic.compiler.context import context
from aic.compiler.errors import CompileError, MismatchError, Node, UnsupportedOpError, render
from aic.compiler.foreign import translated
from xdsl.parser import Parser
from xdsl.utils.exceptions import VerifyException

EXIT_CODES = {
    "CompileError": 1,
    "ShapeError": 1,
    "VerifyError": 1,
    "BudgetError": 1,
    "InterpretError": 1,
    "UsageError": 2,
    "UnsupportedOpError": 3,
    "MismatchError": 4,
    "RegressionError": 5,
    "MissingToolError": 6,
    "TimeLimitError": 124,
}


@pytest.mark.parametrize(("name", "code"), EXIT_CODES.items())
def test_exit_codes(name, code):
    assert getattr(errors, name).exit_code == code


def test_every_class_has_a_slug_of_its_own():
    classes = [getattr(errors, name) for name in EXIT_CODES]
    assert len({c.code for c in classes}) == len(classes)


def test_all_unsupported_nodes_are_told_with_reason_and_way_out():
    nodes = [
        Node("/nms", "NonMaxSuppression (ai.onnx 11)", "center_point_box=0", "boxes f32[1,8400,4]", "depends on data"),
        Node(
            "/up", "Resize (ai.onnx 19)", 'mode="cubic"', "", "only nearest and linear", 're-export with mode="linear"'
        ),
    ]
    text = render(UnsupportedOpError("2 of 412 nodes cannot be compiled   (det.onnx, opset 20)", nodes=nodes))
    assert text.splitlines() == [
        "error[unsupported-op]: 2 of 412 nodes cannot be compiled   (det.onnx, opset 20)",
        "",
        "  /nms  NonMaxSuppression (ai.onnx 11)",
        "    attributes  center_point_box=0",
        "    inputs      boxes f32[1,8400,4]",
        "    reason      depends on data",
        "",
        "  /up  Resize (ai.onnx 19)",
        '    attributes  mode="cubic"',
        "    reason      only nearest and linear",
        '    do          re-export with mode="linear"',
        "",
        "2 unsupported (NonMaxSuppression 1, Resize 1); nothing was written.   exit 3",
    ]


def test_notes_suggestion_and_place_are_told():
    error = CompileError("too big", loc="/a/b", suggestion="make it smaller")
    error.add_note("in pass x")
    assert render(error).splitlines()[1:] == [
        "  at          /a/b",
        "  note        in pass x",
        "  do          make it smaller",
    ]


def test_control_characters_reach_no_terminal():
    assert "\x1b" not in render(CompileError("name \x1b]0;x\x07"))
    assert "\x1b[1;31m" in render(CompileError("plain"), color=True)


def test_the_document():
    found = MismatchError("differs", first_bad="/conv1").to_json()
    assert (found["schema"], found["code"], found["loc"], found["exit"]) == ("aic.error/1", "mismatch", "/conv1", 4)


def test_a_parse_error_points_at_the_text_and_is_cut():
    text = "builtin.module attributes {a = [" + "1, " * 200 + "!"
    with pytest.raises(Exception) as caught:
        Parser(context(), text, "f.mlir").parse_module()
    told = translated(caught.value)
    assert told is not None and told.code == "parse"
    head, line, caret = told.message.splitlines()
    assert head.startswith("f.mlir:1:633: ") and len(line) <= 122 and caret.strip() == "^"
    assert line[caret.index("^")] == "!"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (VerifyException("x"), "verify"),
        (RecursionError(), "nesting"),
        (MemoryError(), "memory"),
        (UnicodeDecodeError("utf8", b"\xff", 0, 1, "bad"), "encoding"),
        (FileNotFoundError(2, "No such file", "f"), "no-file"),
        (OSError(28, "No space left", "f"), "io"),
    ],
)
def test_what_input_makes_others_raise_is_a_clean_error(error, code):
    told = translated(error)
    assert told is not None and told.code == code


def test_our_own_faults_are_not_translated():
    assert translated(KeyError("x")) is None
