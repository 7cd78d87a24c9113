"""Every rule of every file keeps its word on random graphs; and rules that were tampered with are found out."""

import re
from pathlib import Path

import aic
import pytest
from aic.compiler.rulecheck import check
from aic.passes._rules import read
from aic.passes._rules.rewriter import compiled
from aic.passes._rules.syntax import Source, parse

ROOT = Path(aic.__file__).parent
FILES = sorted(file for room in ("passes", "backends") for file in (ROOT / room).rglob("*.rules"))
RULES = {f"{file.stem}:{rule.name}": rule for file in FILES for rule in read(file)}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_keeps_what_graphs_compute(name: str):
    found = check(RULES[name], times=4)
    assert found.fault is None, str(found.fault)
    assert found.fired >= 3, f"{found.fired} of {found.tried} graphs fitted the rule"


MUTANTS = """
plus-minus-zero | -0.0 | 0.0
times-zero | x: int | x
minus-itself | x: int | x
equal-itself | x: int | x
less-itself | => 0 | => 1
plus-negative | sub(x, y) | sub(y, x)
minus-negative | add(x, y) | sub(x, y)
negative-difference | x: int | x
negative-difference | sub(y, x) | sub(x, y)
absolute-of-negative | x: float | x
over-power-of-two | where power_of_two(c) |
times-reciprocal | div(x, y) | div(y, x)
relu-of-positive | where never_negative(y) |
relu-of-positive | never_negative | at_least_zero
relu-of-raised | where within(c, 1e-30, inf) |
raised-relu | -1e-30 | 1
either-not | where(c, y, x) | where(c, x, y)
not-less | x: int | x
not-less | greater_equal | greater
max-absorbs | x: int | x
root-of-square | => abs(x) | => x
exp-times | add(x, y) | mul(x, y)
common-factor-less | sub(b, c) | sub(c, b)
max-of-negative | reduce_min | reduce_max
add-add-known | add(x, add(c, d)) | add(x, c)
over-known | reciprocal(c) | c
cast-back | holds(u, t) | holds(t, u)
cast-twice | where holds(u, element(x)) |
transpose-twice | compose(p, q) | compose(q, p)
slice-twice | times(p, d) | p
slice-all | and least(d) > 0 |
pad-twice | where least(l) >= 0 and least(h) >= 0 and least(m) >= 0 and least(i) >= 0 |
quantize-back | and within(s, 1e-30, 1e30) |
sum-over-nothing | x: int | x
max-pool-of-one | where product(k) == 1 and product(s) == 1 and p == zeros(len(p)) |
transpose-ones | where keeps_order(p, shape(x)) |
minus-known | neg(c) | c
less-swapped | less(x, c) | less_equal(x, c)
substitute_ops:leaky-relu | where number(c) == number(c) |
scale-for-norm | mul(m, k) | m
product-for-conv | trans_b = true | trans_b = false
number-and-transpose | f(reshape{shape = []}(c), x) | f(x, reshape{shape = []}(c))
transpose-and-known | inverse(p) | p
max-of-transpose | where rest(p, a) == sorted(rest(p, a)) |
max-of-transpose | pick(p, a) | a
fast-tanh | 17325.0 | 17825.0
fast-exp | 127.0 | 126.0
"""
CASES = [tuple(part.strip() for part in line.split("|")) for line in MUTANTS.strip().splitlines()]


@pytest.mark.parametrize(("name", "old", "new"), CASES, ids=[f"{n}: {new or f'no {old}'}" for n, old, new in CASES])
def test_a_mutant_is_found_out(name: str, old: str, new: str):
    (rule,) = (r for key, r in RULES.items() if f":{key}".endswith(f":{name}"))
    body = " ".join(text_of(rule.rule.source.text, rule.name).split())
    assert old in body
    (mutant,) = parse(Source("mutant.rules", body.replace(old, new)))
    found = check(compiled(mutant), times=300)
    assert found.fault is not None or found.fired == 0


def text_of(text: str, name: str) -> str:
    """The text of one rule, without comments."""
    plain = "\n".join(line.partition("#")[0] for line in text.splitlines())
    parts = re.split(r"^rule ", plain, flags=re.MULTILINE)
    (part,) = (part for part in parts if re.split(r"[ :]", part)[0] == name)
    return f"rule {part}"
