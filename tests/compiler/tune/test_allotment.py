"""Trials go to where the time is, and away from where nothing is gained."""

from aic.compiler.tune.allotment import Share, next_share


def test_a_slower_kernel_gets_more() -> None:
    shares = [Share(1, 1e-3), Share(8, 1e-3), Share(1, 1e-5)]
    for _ in range(8):
        share = next_share(shares)
        assert share is not None
        share.spent(share.seconds or 0, share.seconds or 0)
    slow, slowest, fast = (share.batches for share in shares)
    assert slowest > slow > fast


def test_gains_draw_trials() -> None:
    gaining, idle = Share(1, 1.0), Share(1, 1.0)
    gaining.spent(1.0, 0.6)
    idle.spent(1.0, 1.0)
    assert next_share([idle, gaining]) is gaining


def test_nothing_is_left_when_all_are_exhausted() -> None:
    assert next_share([Share(1, 1.0, exhausted=True)]) is None
    assert next_share([]) is None
