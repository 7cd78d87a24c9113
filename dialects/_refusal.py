"""What a pass refuses: the request, the reasons as notes, where it came from, and the way out.

raise Refused("loop-interchange: i and j", ["flow dependence through %a ..."], at="/conv/Add", do="skew j first")
"""

from collections.abc import Iterable

from xdsl.utils.exceptions import PassFailedException


class Refused(PassFailedException):
    """A request that a pass cannot carry out as asked. `at` names the nodes it is about, `do` a way out; "" if none."""

    def __init__(self, message: str, reasons: Iterable[str] = (), *, at: str = "", do: str = ""):
        super().__init__(message)
        self.at, self.do = at, do
        for reason in reasons:
            self.add_note(reason)
