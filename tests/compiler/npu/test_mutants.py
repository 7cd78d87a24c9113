"""Compiled programs with a wait or signal deleted, moved or of another semaphore: the checker tells, or nothing has
changed. Its verdicts are those of sets of instructions that are over, and of runs in other orders."""

import numpy as np
import pytest
from aic.backends.npu.order.check import Finding, check, errors
from aic.backends.npu.program import Program
from aic.backends.npu.sim.functional import Functional

from ...backends.npu.mutants import mutants
from ...backends.npu.orders import Order, conflicts, legal_order
from .small import SMALL, small_programs

EVERY = {"residual": 16, "inverted": 8, "encoder": 10}
"""One mutant of so many is looked at."""
RUNS = 2


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Program]]:
    """The programs of each network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIC_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        return {name: small_programs(name) for name in SMALL}


def outputs(program: Program, order: list[int] | None) -> list[np.ndarray]:
    """What is in the output segments after instructions in that order, for inputs of random bytes."""
    sim, rng = Functional(program), np.random.default_rng(0)
    for segment in program.segments:
        if segment.role == "input":
            sim.segments[segment.id][:] = rng.integers(0, 256, segment.bytes, np.uint8)
    sim.run(order)
    return [sim.segments[s.id].copy() for s in program.segments if s.role == "output"]


def same(found: list[np.ndarray], wanted: list[np.ndarray]) -> bool:
    return all(np.array_equal(f, w) for f, w in zip(found, wanted, strict=True))


def names(program: Program, index: int) -> list[str]:
    """How a message calls an instruction: number, layer, first ONNX node."""
    mark = program.marks[program.layers()[index]]
    return [f"{program.text[index].mnemonic} ({index}, layer {mark.layer}: {mark.nodes[0]}"]


def says_where(program: Program, finding: Finding) -> bool:
    """Whether the message has the instructions with layers and nodes, and the edge."""
    told = {index for index in (finding.instruction, finding.other) if index >= 0}
    wanted = [name for index in told for name in names(program, index)]
    match finding.rule:
        case "E-RACE":
            assert len(told) == 2
            wanted.append(f"add sig/wait {finding.edge}")
        case "E-SEM":
            wanted.append(f"{finding.semaphore} ({finding.edge})")
        case "E-DEADLOCK":
            wanted.append("waits for")
    assert finding.layer and finding.nodes
    return all(text in finding.message for text in wanted)


@pytest.mark.parametrize("name", SMALL)
def test_the_checker_tells_every_mutant_or_it_changes_nothing(name: str, programs: dict[str, list[Program]]):
    told = quiet = 0
    for program in programs[name]:
        assert not errors(program)
        conflict, wanted = conflicts(program), outputs(program, None)
        right = Order(program, conflict)
        assert not right.stuck and not right.unordered and not any(right.left) and conflict.any()
        for what, mutant in list(mutants(program))[:: EVERY[name]]:
            found = [f for f in check(mutant) if f.is_error]
            order, rules = Order(mutant, conflict), {f.rule for f in found}
            assert ("E-DEADLOCK" in rules) == bool(order.stuck), what
            if not order.stuck:
                assert ("E-RACE" in rules) == bool(order.unordered), what
                assert ("E-SEM" in rules) >= any(order.left), what
            assert all(says_where(mutant, f) for f in found), what
            told, quiet = told + bool(found), quiet + (not found)
            if not found:
                assert np.array_equal(order.before, right.before), what
                orders = (list(legal_order(mutant, seed)) for seed in range(RUNS))
                assert all(same(outputs(mutant, o), wanted) for o in orders), what
    assert told > 40 and told + quiet > 55 and quiet > 5, f"{told} told, {quiet} change nothing"


def test_a_token_that_is_deleted_is_named(programs: dict[str, list[Program]]):
    program = programs["inverted"][0]
    every = [(what, mutant) for what, mutant in mutants(program) if what.startswith("no ")]
    assert len(every) > 100
    for what, mutant in every:
        index = int(what.rpartition("(")[2][:-1])
        left = (*mutant.text[index].waits, *mutant.text[index].signals)
        gone = next(s for s in (*program.text[index].waits, *program.text[index].signals) if s not in left)
        _, producer, consumer, _ = program.sems[gone - 1]
        assert any(f"{producer} -> {consumer}" in f.message for f in check(mutant) if f.is_error), what


def test_orders_that_tokens_do_not_allow_make_other_values(programs: dict[str, list[Program]]):
    """The proof by runs can fail: without tokens queues run ahead of each other."""
    program = programs["inverted"][0]
    wanted, free = outputs(program, None), [[n for n, i in enumerate(program.text) if i.queue == q] for q in range(5)]
    assert all(same(outputs(program, list(legal_order(program, seed))), wanted) for seed in range(8))
    assert not same(outputs(program, [n for queue in free for n in queue]), wanted)
