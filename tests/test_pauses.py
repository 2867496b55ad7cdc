"""The collector walks over what is new, not over what was there at the start. In a process of its own, as it is for
good."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import gc, weakref
from jupyter_lcc.pauses import spare_the_start

class Ring:
    def __init__(self): self.ring = self

at_start = [Ring() for _ in range(1000)]
spare_the_start()
assert gc.get_freeze_count() > 1000
assert len(gc.get_objects()) < 1000, len(gc.get_objects())
later = Ring()
spare_the_start()
gone = weakref.ref(later)
del later
gc.collect()
assert gone() is None, "what came later is collected as ever, also after a second start"
"""


def test_what_is_there_at_the_start_is_not_walked_over_again_and_later_garbage_is_collected() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_extension_is_imported_without_a_collection_and_others_go_on_afterwards() -> None:
    code = (
        "import gc, jupyter_lcc, jupyter_lcc.pauses\n"
        "seen = []\n"
        "gc.callbacks.append(lambda phase, info: seen.append(phase))\n"
        "gc.set_threshold(10)\n"
        "jupyter_lcc._jupyter_server_extension_points()\n"
        "during = len(seen)\n"
        "assert gc.isenabled()\n"
        "kept = [[] for _ in range(1000)]\n"
        "assert len(seen) > during\n"
        "print(during)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 20, done.stdout  # of thousands at this threshold: what lies around it
