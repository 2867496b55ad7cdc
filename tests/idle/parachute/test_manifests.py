"""The list of variables, from real kernels."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from jupyter_lcc.clock import SystemClock
from jupyter_lcc.idle.kernels import Kernels
from jupyter_lcc.idle.model import Manifest, Sighting, Variable
from jupyter_lcc.idle.parachute.manifests import KernelManifests
from jupyter_lcc.idle.processes import read_table
from jupyter_lcc.model import Sentence

pytestmark = pytest.mark.timeout(240)
LOG = logging.getLogger("jupyter_lcc.tests")

HOSTILE = """
import sys, time, types

class Meta(type):
    def __getattribute__(cls, name): touched.append('meta ' + name); time.sleep(30)
    def __eq__(cls, other): touched.append('meta eq'); time.sleep(30)
    def __hash__(cls): touched.append('meta hash'); time.sleep(30)

touched = []

class Hostile:
    def __getattribute__(self, name): touched.append(name); time.sleep(30)
    def __repr__(self): touched.append('repr'); time.sleep(30)
    def __len__(self): touched.append('len'); raise SystemExit
    def __sizeof__(self): touched.append('sizeof'); time.sleep(30)
    def __eq__(self, other): touched.append('eq'); time.sleep(30)
    def __hash__(self): touched.append('hash'); time.sleep(30)
    def __bool__(self): touched.append('bool'); raise KeyboardInterrupt
    def __del__(self): touched.append('del')

class Worse(Hostile, metaclass=Meta): pass
class SubList(list):
    def __len__(self): touched.append('sublist'); time.sleep(30)
    def __iter__(self): touched.append('sublist'); time.sleep(30)

def fake(package, name):
    cls = type(name, (Hostile,), {'nbytes': property(lambda self: touched.append('nbytes')),
                                  'memory_usage': lambda self, **_: touched.append('memory_usage'),
                                  'shape': property(lambda self: touched.append('shape')), '__module__': package})
    if package != 'numpy':  # with such a numpy IPython can't show anything any more
        module = sys.modules[package] = types.ModuleType(package)
        setattr(module, name, cls)
    return object.__new__(cls)

hostile = object.__new__(Hostile)
worse = object.__new__(Worse)
sub = SubList([1, 2, 3])
holder = [hostile]
array = fake('numpy', 'ndarray')
frame = fake('pandas', 'DataFrame')
tensor = fake('torch', 'Tensor')
number, text, some = 7, 'a' * 10_000_000, list(range(5000))
table = {str(i): float(i) for i in range(2000)}
len = repr = type = list = dict = exec = sorted = str = int = sys = None
_private = 3
"""


class Bench:
    def __init__(self, app: Any) -> None:
        self.app = app
        self.kernels = Kernels(
            app.kernel_manager, app.session_manager, app.kernel_spec_manager, SystemClock(), remote=False, log=LOG
        )
        self.manifests = KernelManifests(
            app.kernel_manager, app.kernel_spec_manager, self.kernels.talk_of, remote=False, log=LOG
        )

    async def start(self) -> str:
        self.kernel_id = str(await self.app.kernel_manager.start_kernel(kernel_name="python3"))
        self.client = self.app.kernel_manager.get_kernel(self.kernel_id).client()
        self.client.start_channels()
        await self.client.wait_for_ready(timeout=30)
        while not (await self.see()).evidence or not self.talk.others:
            self.client.kernel_info()
            await asyncio.sleep(0.05)
        return self.kernel_id

    @property
    def talk(self) -> Any:
        return self.kernels.talk_of(self.kernel_id)

    async def see(self) -> Sighting:
        return next(s for s in await self.kernels.observe(read_table()) if s.id == f"kernel:{self.kernel_id}")

    async def run(self, code: str, **expressions: str) -> Any:
        sent = self.client.execute(code, user_expressions=expressions)
        while True:
            reply = await self.client.get_shell_msg(timeout=30)
            if reply["parent_header"]["msg_id"] == sent:
                assert reply["content"]["status"] == "ok", reply["content"]
                return {k: v["data"]["text/plain"] for k, v in reply["content"]["user_expressions"].items()}

    async def rest(self) -> Sighting:
        while (seen := await self.see()).state != "idle" or not self.talk.is_silent():
            await asyncio.sleep(0.02)
        return seen

    async def take(self) -> Manifest:
        manifest = await self.manifests.take(await self.see())
        assert manifest is not None
        return manifest


@pytest.fixture
def bench(jp_serverapp: Any, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[Bench]:
    made = Bench(jp_serverapp)
    jp_asyncio_loop.run_until_complete(made.start())
    yield made

    async def close() -> None:
        await made.kernels.close()
        made.client.stop_channels()
        await jp_serverapp.kernel_manager.shutdown_all(now=True)

    jp_asyncio_loop.run_until_complete(close())


async def test_hostile_objects_are_not_touched_and_plain_ones_measured(bench: Bench) -> None:
    await bench.run(HOSTILE)
    begun = time.monotonic()
    manifest = await bench.take()
    assert time.monotonic() - begun < 3
    assert manifest.complete, manifest.why_not
    found = {variable.name: variable for variable in manifest.variables}
    # `len` and other builtins that were overwritten are variables like any other.
    assert set(found) >= {"hostile", "worse", "sub", "holder", "array", "frame", "tensor", "number", "text", "some"}
    assert not set(found) & {"_private", "In", "Out", "_", "Hostile", "Meta", "fake", "time", "get_ipython", "exit"}
    assert found["hostile"] == Variable(name="hostile", type="Hostile")
    assert found["worse"] == Variable(name="worse", type="Worse")
    assert found["sub"] == Variable(name="sub", type="SubList")
    assert found["holder"] == Variable(name="holder", type="list", summary="1 item")
    assert found["array"] == Variable(name="array", type="numpy.ndarray")
    assert found["frame"] == Variable(name="frame", type="pandas.DataFrame")
    assert found["tensor"].size_bytes is None
    assert manifest.variables[0].name == "text"
    assert 10_000_000 < (found["text"].size_bytes or 0) < 10_001_000
    assert found["some"].summary == "5000 items"
    assert 100_000 < (found["some"].size_bytes or 0) < 250_000
    assert found["table"].size_bytes is not None
    assert (await bench.run("", touched="touched"))["touched"] == "[]"


async def test_nothing_in_the_kernel_notices(bench: Bench) -> None:
    await bench.run("x = 41")
    await bench.run("x + 1")
    await bench.rest()
    look = {"out": "_", "last": "_i", "inputs": "In[:3]", "outputs": "Out", "count": "get_ipython().execution_count"}
    history = "[*get_ipython().history_manager.get_range()]"
    names = "sorted(set(globals()) - {'__builtins__'})"
    before = await bench.run("", **look, history=history, names=names, modules="sorted(__import__('sys').modules)")
    seen, kernel = await bench.rest(), bench.app.kernel_manager.get_kernel(bench.kernel_id)
    stamps = (kernel.last_activity, bench.app.kernel_manager.last_kernel_activity)
    for _ in range(3):
        manifest = await bench.take()
        assert {variable.name for variable in manifest.variables} == {"x"}
        again = await bench.see()
        assert (again.active_at, again.state, again.pending) == (seen.active_at, "idle", False)
        assert _heard(again) == _heard(seen)
        assert (kernel.last_activity, bench.app.kernel_manager.last_kernel_activity) == stamps
        assert kernel.execution_state == "idle"
    after = await bench.run("", **look, history=history, names=names, modules="sorted(__import__('sys').modules)")
    assert after == before


async def test_somebody_else_s_activity_is_not_put_back(bench: Bench) -> None:
    await bench.run("x = 1")
    await bench.rest()
    kernel = bench.app.kernel_manager.get_kernel(bench.kernel_id)
    stamp = kernel.last_activity
    asked = asyncio.ensure_future(bench.take())
    await bench.run("import time; time.sleep(0.05)")
    await asked
    await bench.rest()
    assert kernel.last_activity > stamp


async def test_a_kernel_that_does_not_answer_holds_nothing_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_lcc.idle.parachute.manifests.ANSWER_SECONDS", 0.3)
    seen = await bench.rest()
    bench.client.execute("import time; time.sleep(5)")
    await asyncio.sleep(0.2)
    begun = time.monotonic()
    manifest = await bench.manifests.take(seen)
    assert time.monotonic() - begun < 2
    why_not, silent = "The kernel did not answer in time.", Sentence(code="kernel_silent")
    assert manifest == Manifest(variables=(), complete=False, why_not=why_not, why_not_sentence=silent)


async def test_too_many_are_cut_to_the_largest(bench: Bench) -> None:
    await bench.run("globals().update({f'v{i}': 'x' * i for i in range(3000)})")
    manifest = await bench.take()
    assert len(manifest.variables) == 1000
    assert manifest.variables[0].name == "v2999"
    assert not manifest.complete
    assert manifest.why_not
    assert manifest.why_not_sentence == Sentence(code="too_many", detail={"count": "1000"})


async def test_only_python_is_asked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = await bench.see()
    spec = bench.app.kernel_spec_manager.get_kernel_spec("python3")
    spec.language = "R"
    monkeypatch.setattr(bench.app.kernel_spec_manager, "get_kernel_spec", lambda _name: spec)
    assert await bench.manifests.take(seen) is None


def _heard(seen: Sighting) -> dict[str, Any]:
    """What the kernel's messages have shown; its use of processors may change by itself."""
    wanted = ("execution_state", "running_since", "last_run_ended_at", "machine_message")
    return {one.signal: one.value for one in seen.evidence if one.signal in wanted}
