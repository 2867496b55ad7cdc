"""Who belongs to whom, read from process tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lcc.idle.lineage import Family, Root, classify_child, is_server, program_of
from jupyter_lcc.idle.process_table import Origin, ProcessRow, ProcessTable
from jupyter_lcc.idle.standalone import Job, find_jobs

SERVER, KERNEL, SHELL = 100, 200, 300


def row(pid: int, parent: int, name: str = "python", **more: object) -> ProcessRow:
    fields: dict[str, object] = {
        "pid": pid,
        "parent": parent,
        "name": name,
        "state": "S",
        "started": pid,
        "cpu_seconds": 0.0,
        "memory_bytes": 0,
        "group": pid,
        "session": pid,
        "tty": 0,
    }
    return ProcessRow(**{**fields, **more})  # type: ignore[arg-type]


def always() -> list[ProcessRow]:
    return [row(1, 0, "init"), row(SERVER, 1), row(KERNEL, SERVER), row(SHELL, SERVER, "bash", tty=9)]


def family() -> Family:
    made = Family()
    made.add(lambda: [Root(target_id="kernel:k", pid=KERNEL, collects=True)])
    made.add(lambda: [Root(target_id="terminal:1", pid=SHELL)])
    return made


def of_jupyter(*pids: int, **more: object) -> dict[int, Origin]:
    return {pid: Origin(argv=("x",), from_jupyter=True, **more) for pid in pids}  # type: ignore[arg-type]


def test_descendants_belong_and_the_server_does_not() -> None:
    claims = family().claims(ProcessTable([*always(), row(201, KERNEL), row(202, 201), row(301, SHELL)]))
    assert claims.owner == {
        KERNEL: "kernel:k",
        201: "kernel:k",
        202: "kernel:k",
        SHELL: "terminal:1",
        301: "terminal:1",
    }


def test_a_daemon_that_kept_its_session_belongs() -> None:
    claims = family().claims(ProcessTable([*always(), row(201, 1, session=KERNEL), row(202, 201)]))
    assert claims.owner[201] == claims.owner[202] == "kernel:k"


def test_what_left_a_kernel_is_remembered_and_what_left_a_terminal_is_on_its_own() -> None:
    made = family()
    made.claims(ProcessTable([*always(), row(201, KERNEL), row(301, SHELL)]))
    table = ProcessTable([*always(), row(201, 1), row(301, 1)])
    claims = made.claims(table)
    assert claims.owner.get(201) == "kernel:k"
    assert 301 not in claims.owner
    assert made.came_from(table.rows[301]) == "terminal:1"


def test_another_process_with_a_remembered_pid_is_a_stranger() -> None:
    made = family()
    made.claims(ProcessTable([*always(), row(201, KERNEL)]))
    table = ProcessTable([*always(), row(201, 1, started=999)])
    assert 201 not in made.claims(table).owner
    assert made.came_from(table.rows[201]) is None


def test_a_double_fork_between_two_looks_is_found_by_its_marks() -> None:
    marks = {pid: Origin(from_jupyter=True, server_pid=SERVER, session_name="a.ipynb") for pid in (KERNEL, 201)}
    assert family().claims(ProcessTable([*always(), row(201, 1)], marks)).owner[201] == "kernel:k"


def test_marks_that_two_kernels_have_tell_nothing() -> None:
    made = family()
    made.add(lambda: [Root(target_id="kernel:other", pid=150, collects=True)])
    marks = {pid: Origin(from_jupyter=True, server_pid=SERVER) for pid in (150, KERNEL, 201)}
    assert 201 not in made.claims(ProcessTable([*always(), row(150, SERVER), row(201, 1)], marks)).owner


@given(st.lists(st.integers(0, 30), max_size=30), st.sets(st.integers(0, 30), max_size=6))
def test_each_process_belongs_to_one_target_at_most(parents: list[int], leaders: set[int]) -> None:
    rows = [*always(), *(row(1000 + n, 1000 + p if p < n else KERNEL) for n, p in enumerate(parents))]
    made = family()
    made.add(lambda: [Root(target_id=f"process:{n}", pid=1000 + n) for n in leaders])
    claims = made.claims(ProcessTable(rows))
    everyone = [r.pid for members in claims.members.values() for r in members]
    assert len(everyone) == len(set(everyone)) == len(claims.owner)
    assert SERVER not in claims.owner


# -- jobs on their own -------------------------------------------------------------------------------------


def jobs(
    *rows: ProcessRow,
    origins: dict[int, Origin] | None = None,
    was: tuple[int, ...] = (),
    others: frozenset[int] = frozenset(),
) -> dict[int, Job]:
    table = ProcessTable([*always(), *rows], origins)
    found = find_jobs(table, family().claims(table), SERVER, lambda r: "terminal:7" if r.pid in was else None, others)
    return {job.root.pid: job for job in found}


def test_only_what_is_proven_to_come_from_jupyter_is_a_job() -> None:
    mine = {400: Origin(argv=("cron-job",)), 402: Origin(argv=("x",))} | of_jupyter(401)
    assert set(jobs(row(400, 1), row(401, 1), row(402, 1), origins=mine, was=(402,))) == {401, 402}
    assert jobs(row(403, 1), was=(403,)) == {}, "another user's process, whatever it was"


def test_what_comes_from_another_server_that_runs_is_that_servers() -> None:
    theirs = {pid: Origin(argv=("x",), from_jupyter=True, server_port=9999) for pid in (400, 401)}
    rows = (row(400, 1), row(401, 1))
    assert set(jobs(*rows, origins=theirs)) == {400, 401}, "that server is gone: somebody has to look after it"
    assert jobs(*rows, origins=theirs, others=frozenset((9999,))) == {}
    assert set(jobs(*rows, origins=theirs, was=(401,), others=frozenset((9999,)))) == {401}, "seen in ours"


def test_one_session_is_one_job_and_its_leader_is_the_root() -> None:
    found = jobs(row(400, 1), row(401, 400, session=400), row(402, 1, session=400), origins=of_jupyter(400, 401, 402))
    assert {pid: {r.pid for r in job.rows} for pid, job in found.items()} == {400: {400, 401, 402}}
    orphans = jobs(row(401, 1, session=390), row(402, 1, session=390), origins=of_jupyter(401, 402))
    assert set(orphans) == {401}


def test_daemons_other_servers_and_prompts_are_no_jobs() -> None:
    origins = of_jupyter(400, 401, 402, 403, 404)
    origins[401] = Origin(argv=("python", "/opt/bin/jupyter-lab"), from_jupyter=True)
    origins[404] = Origin(argv=("x",), from_jupyter=True, server_pid=401)
    found = jobs(
        row(400, 1, "ssh-agent"),
        row(401, 1),
        row(402, 401),  # a child of another Jupyter server
        row(403, 1, "bash", tty=12, foreground_group=403),
        row(404, 1),  # what has left a kernel of another Jupyter server
        origins=origins,
    )
    assert found == {}


def test_the_servers_own_children_are_no_jobs_unless_they_run_notebooks() -> None:
    spawned = ("python", "-c", "from multiprocessing.spawn import spawn_main; spawn_main()", "--multiprocessing-fork")
    origins = {
        400: Origin(argv=("code-server",)),
        401: Origin(argv=("python", "-m", "pylsp"), from_jupyter=True, server_pid=SERVER),
        402: Origin(argv=spawned),
        403: Origin(argv=("python", "-m", "ipykernel_launcher", "-f", "x.json"), from_jupyter=True),
        404: Origin(argv=("python", "/bin/jupyter-nbconvert", "--execute", "a.ipynb")),
    }
    rows = [row(400, SERVER), row(401, SERVER), row(402, SERVER), row(403, 402), row(404, SERVER)]
    found = jobs(*rows, origins=origins)
    assert {pid: job.how for pid, job in found.items()} == {402: "notebook_run", 404: "notebook_run"}


def test_a_server_that_is_the_first_process_inherits_orphans() -> None:
    assert set(jobs(row(400, SERVER), origins=of_jupyter(400), was=(400,))) == {400}
    assert set(jobs(row(400, SERVER), origins=of_jupyter(400))) == {400}
    assert jobs(row(400, SERVER), origins=of_jupyter(400, server_pid=SERVER)) == {}, "a kernel that starts"


def test_panes_of_a_multiplexer_are_seen_one_by_one() -> None:
    origins = {pid: Origin(argv=("x",)) for pid in (400, 401, 402, 403)}
    found = jobs(
        row(400, 1, "tmux: server"),
        row(401, 400, "bash", tty=20),
        row(402, 400, "bash", tty=21),
        row(403, 402, "sleep", tty=21, session=402),
        origins=origins,
    )
    assert {pid: (job.how, len(job.rows)) for pid, job in found.items()} == {401: ("pane", 1), 402: ("pane", 2)}


# -- words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/usr/bin/python3", "-u", "/home/me/train.py", "--token=s3cr3t"], "python3 train.py"),
        (["python", "-m", "torch.distributed.run", "--password", "x"], "python torch.distributed.run"),
        (["python", "-c", "secret"], "python"),
        (["bash", "-c", "curl https://user:pw@host"], "bash"),
        (["bash", "run.sh", "pw"], "bash run.sh"),
        (["/opt/bin/train", "--key=s3cr3t"], "train"),
        ([], "kept"),
    ],
)
def test_names_hold_no_arguments(argv: list[str], name: str) -> None:
    assert program_of(argv, "kept") == name


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("python -m ipykernel_launcher -f x", "kernel"),
        ("python /bin/papermill a b", "notebook_run"),
        ("jupyter nbconvert --execute a", "notebook_run"),
        ("python -m nbconvert --execute a", "notebook_run"),
        ("/bin/pylsp", "language_server"),
        ("node /x/pyright-langserver-lsp.js", "language_server"),
        ("tensorboard --logdir x", "other"),
    ],
)
def test_the_servers_children_are_told_apart(line: str, what: str) -> None:
    assert classify_child(line.split()) == what


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("python /opt/bin/jupyter-lab --port=1", True),
        ("jupyter lab", True),
        ("python -m jupyterlab", True),
        ("python -m jupyter_server", True),
        ("jupyterhub-singleuser --ip=0", True),
        ("jupyter nbconvert --execute server.ipynb", False),
        ("python jupyter_server.py", False),
    ],
)
def test_other_servers_are_recognised(line: str, told: bool) -> None:
    assert is_server(line.split()) is told
