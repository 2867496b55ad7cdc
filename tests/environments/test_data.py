"""Names, specs, channels and files are data: whatever somebody sends is taken for what it says, or refused with why."""

from __future__ import annotations

import contextlib
import json
import re
import string

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_lcc.environments import bounds, files, names, specs
from jupyter_lcc.environments.files import Wanted, parse_file
from jupyter_lcc.errors import Invalid, OutOfBounds

HOSTILE = [
    "--file=/etc/passwd",
    "-c evil",
    "-c",
    "../x",
    "/etc/passwd",
    "./x",
    "~/x",
    "https://evil/chan::pkg",
    "https://evil/noarch/a-1.0-0.conda",
    "file:///etc/passwd",
    "numpy\n--index-url https://evil",
    "numpy\r\npip",
    "a\x00b",
    "$(touch x)",
    "`touch x`",
    "a;b",
    "a|b",
    "a&&b",
    "numpy @ https://evil/x.whl",
    "x" * 10_240,
    "",
    "   ",
    "\u202eevil",
    "환경",
    "a b c d",
    "numpy[url='https://evil/x.conda']",
    "numpy[channel='https://evil']",
    "..",
    "a/../../b",
    "a\\b",
    "@file.txt",
    "git+https://evil/x",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:40])
def test_what_is_hostile_is_refused_with_one_sentence(text: str) -> None:
    checks = (names.check_name, specs.parse_conda, specs.parse_pip, specs.parse_channel, specs.parse_name)
    refused = 0
    for check in checks:
        with contextlib.suppress(Invalid):
            check(text)
            continue
        with pytest.raises(Invalid) as error:
            check(text)
        refused += 1
        assert error.value.message.isprintable()
        assert len(error.value.message) < 300
        assert len(str(error.value.detail.get("value"))) <= 200
    assert refused >= len(checks) - (text in ("file:///etc/passwd", "/etc/passwd"))  # a folder is a channel's address


@given(st.text(max_size=200))
def test_a_name_that_is_taken_is_one_piece_of_a_path(text: str) -> None:
    try:
        name = names.check_name(text)
    except Invalid:
        return
    assert name == text
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}", name)
    assert name != ".."
    assert re.fullmatch(r"[a-z0-9._-]+", names.kernel_name(name))


SPEC_TEXT = st.text(alphabet=string.ascii_letters + string.digits + "=<>!~,|*.[]'\" :/-_@#;\n$`\\^()", max_size=60)


@example("0 !(0")
@example("a (>=1,<2)|3")
@given(SPEC_TEXT)
def test_a_spec_that_is_taken_names_a_package_and_nothing_else(text: str) -> None:
    try:
        spec = specs.parse_conda(text)
    except Invalid:
        return
    assert re.fullmatch(r"[a-z0-9_][a-z0-9_.-]*", spec.name)
    assert not spec.text.startswith("-")
    assert "://" not in spec.text
    assert not re.search(r"[\s;$`\\@#]", re.sub(r'", ', "", spec.text))
    assert specs.parse_conda(spec.text).text == spec.text


@given(SPEC_TEXT)
def test_a_requirement_that_is_taken_names_a_package_and_nothing_else(text: str) -> None:
    try:
        spec = specs.parse_pip(text)
    except Invalid:
        return
    assert re.match(r"[A-Za-z0-9]", spec.text)
    assert "://" not in spec.text
    assert "\n" not in spec.text
    assert specs.parse_pip(spec.text).text == spec.text


@given(st.text(max_size=100))
def test_a_channel_that_is_taken_has_no_step_up(text: str) -> None:
    try:
        channel = specs.parse_channel(text)
    except Invalid:
        return
    assert ".." not in channel.split("/")
    assert "%2e" not in channel.lower()
    assert "@" not in channel


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("numpy", "numpy"),
        ("NumPy=1.26", "numpy=1.26"),
        ("numpy >=1.2, <2", "numpy>=1.2,<2"),
        ("python 3.11", "python=3.11"),
        ("python=3.11.*", 'python[version="3.11.*"]'),
        ("numpy=1.26.4=py311_0", 'numpy[version="==1.26.4", build="py311_0"]'),
        ("pytorch=*=cuda*", 'pytorch[version="*", build="cuda*"]'),
        ("conda-forge::numpy<2", "conda-forge::numpy<2"),
        ("x[version='>=1', build_number='>=3']", 'x[version=">=1", build_number=">=3"]'),
        ("_libgcc_mutex", "_libgcc_mutex"),
    ],
)
def test_what_people_write_is_understood(text: str, told: str) -> None:
    assert specs.parse_conda(text).text == told


# -- bounds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://conda.acme.org/main", True),
        ("https://CONDA.acme.org/main/", True),
        ("https://user:secret@conda.acme.org/main", True),
        ("https://conda.acme.org/t/tk-123/main", True),
        ("https://conda.acme.org/main2", False),
        ("https://conda.acme.org", False),
        ("https://conda.acme.org.evil.org/main", False),
        ("https://evil.org/conda.acme.org/main", False),
        ("http://conda.acme.org/main", False),
        ("https://mirror.acme.org/any/thing", True),
        ("https://mirror.acme.org", False),
    ],
)
def test_channels_are_compared_by_their_whole_address(url: str, allowed: bool) -> None:
    entries = ["https://conda.acme.org/main", "https://mirror.acme.org/*"]
    assert bounds.channel_allowed(url, entries) is allowed
    if not allowed:
        with pytest.raises(OutOfBounds) as refused:
            bounds.check_channel(url, url, entries)
        assert refused.value.detail["allowed"] == entries


@pytest.mark.parametrize("name", ["evil", "Evil", "evil-pkg", "EVIL_Pkg", "torch-cuda"])
def test_a_denied_package_is_denied_however_it_is_written(name: str) -> None:
    with pytest.raises(OutOfBounds):
        bounds.check_package(name, ("evil*", "torch.cuda"))
    bounds.check_package("torch", ("evil*", "torch.cuda"))


def test_a_quota_counts_what_would_be_added() -> None:
    bounds.check_room(900, 100, 1000)
    bounds.check_room(None, 10**12, 1000)
    bounds.check_room(10**12, 1, 0)
    for used, more in ((900, 101), (1000, None), (1001, 0)):
        with pytest.raises(OutOfBounds):
            bounds.check_room(used, more, 1000)


# -- files ------------------------------------------------------------------------------------------------------

ARCHIVE = "https://conda.anaconda.org/conda-forge/noarch/pip-26.3-py_0.conda"
ENVIRONMENT = """
name: vision
channels: [conda-forge, nodefaults]
dependencies:
  - python=3.11
  - numpy >=1.26
  - pip
  - pip:
      - requests==2.32.0  # pinned
      - --extra-index-url https://pypi.acme.org/simple
variables:
  OMP_NUM_THREADS: 4
prefix: /home/somebody/else
"""


def parse(text: str, name: str = "environment.yml") -> Wanted:
    return parse_file(name, text, "linux-64")


def test_an_environment_file() -> None:
    wanted = parse(ENVIRONMENT)
    assert (wanted.kind, wanted.name, wanted.channels) == ("environment", "vision", ("conda-forge",))
    assert wanted.packages == ("python=3.11", "numpy>=1.26", "pip")
    assert (wanted.pip, wanted.indexes) == (("requests==2.32.0",), ("https://pypi.acme.org/simple",))
    assert wanted.variables == {"OMP_NUM_THREADS": "4"}


def test_requirements() -> None:
    text = "# all\nrequests>=2 ; python_version > '3.8'\nflask[async] \\\n  ==3.0 --hash=sha256:00\n-i https://pypi.acme.org/x\n"
    wanted = parse(text, "requirements.txt")
    assert wanted.kind == "requirements"
    assert wanted.pip == ('requests>=2; python_version > "3.8"', "flask[async]==3.0")
    assert (wanted.indexes, len(wanted.notes)) == (("https://pypi.acme.org/x",), 1)


def test_an_explicit_list() -> None:
    md5 = "a" * 32
    wanted = parse(f"# platform: linux-64\n@EXPLICIT\n{ARCHIVE}#{md5}\n")
    (archive,) = wanted.archives
    assert (archive.name, archive.version, archive.build, archive.md5) == ("pip", "26.3", "py_0", md5)
    assert archive.channel == "https://conda.anaconda.org/conda-forge"


def test_lock_files() -> None:
    sha = "b" * 64
    conda_lock = {
        "version": 1,
        "metadata": {},
        "package": [
            {"name": "pip", "manager": "conda", "platform": "linux-64", "url": ARCHIVE, "hash": {"sha256": sha}},
            {"name": "pip", "manager": "conda", "platform": "osx-64", "url": ARCHIVE, "hash": {}},
            {"name": "six", "version": "1.16", "manager": "pip", "platform": "linux-64", "url": "https://x/six.whl"},
        ],
    }
    pixi_lock = {
        "version": 6,
        "environments": {
            "default": {"packages": {"linux-64": [{"conda": ARCHIVE}, {"pypi": "https://files/six-1.16.whl"}]}}
        },
        "packages": [
            {"conda": ARCHIVE, "sha256": sha},
            {"pypi": "https://files/six-1.16.whl", "name": "six", "version": "1.16"},
        ],
    }
    for document, kind in ((conda_lock, "conda_lock"), (pixi_lock, "pixi_lock")):
        wanted = parse(yaml.safe_dump(document))
        assert wanted.kind == kind
        assert [(archive.name, archive.sha256) for archive in wanted.archives] == [("pip", sha)]
        assert wanted.pip == ("six==1.16",)
        with pytest.raises(Invalid, match="linux-aarch64"):
            parse_file("x.lock", json.dumps(document), "linux-aarch64")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name: x\ndependencies: [https://evil/a.conda]", "address"),
        ("name: x\ndependencies: [{pip: [-r /etc/passwd]}]", "options"),
        ("name: x\ndependencies: [{pip: ['--index-url=https://a:b@evil/x']}]", "password"),
        ("name: x\ndependencies: [{pip: [git+https://evil/x]}]", "address"),
        ("name: x\ndependencies: [{evil: [x]}]", "dependency"),
        ("name: x\ndependencies: numpy", "list"),
        ("name: x\nchannels: ['-c evil']", "option"),
        ("name: x\nvariables: {'a b': 1}", "variable"),
        ("name: x\nvariables: {A: [1]}", "text or a number"),
        ("name: !!python/object/apply:os.system [id]", "YAML"),
        ("a: &a [x]\nb: [*a", "YAML"),
        ("@EXPLICIT\n/etc/passwd", "not the address"),
        ("@EXPLICIT\nhttps://evil/noarch/../a/noarch/x-1-0.conda", "steps"),
        (f"@EXPLICIT\n{ARCHIVE}#zz", "hash"),
        (f"@EXPLICIT\n{ARCHIVE}\n{ARCHIVE}", "more than once"),
        ("@EXPLICIT\nhttps://x/win-64/a-1-0.conda", "win-64"),
        ("-r other.txt", "options"),
        ("-e .", "options"),
        ("./local", "path"),
        ("\x00", "text file"),
        ("what: ever", "none of"),
        ("name: x\ndependencies: [" + "a," * 6000 + "]", "5000"),
        ("name: " + "[" * 5000, "YAML"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_file_that_can_not_be(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=re.escape(why)) as refused:
        parse(text)
    assert refused.value.detail["field"].startswith("file")


@given(st.text(max_size=300))
def test_no_file_breaks_the_reader(text: str) -> None:
    for name in ("environment.yml", "requirements.txt"):
        try:
            wanted = files.parse_file(name, text, "linux-64")
        except Invalid:
            continue
        assert all(not spec.startswith("-") for spec in (*wanted.packages, *wanted.pip))
