"""A list is what strangers wrote: understood, or refused with the reason; and what a person wrote stays as it is."""

from __future__ import annotations

import time

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jupyter_lcc.environments.files import parse_file
from jupyter_lcc.errors import Invalid
from jupyter_lcc.packages.lists import edit_list, pip_key, read_list, same, write_list
from jupyter_lcc.packages.model import MAX_LIST, PackageList
from jupyter_lcc.packages.yamls import read_yaml

from .made import LIST, lists

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)


def test_a_list_is_understood() -> None:
    found = read_list(LIST)
    assert found.name == "team"
    assert found.channels == ("conda-forge",)
    assert found.conda == {"python": "python=3.11", "numpy": "numpy>=1.26,<2", "pandas": "pandas", "pip": "pip"}
    assert list(found.pip) == ["six", 'requests; python_version < "3.14"']
    assert found.notes == ()
    assert read_list("﻿" + LIST.replace("\n", "\r\n")).conda == found.conda  # as Windows writes it
    assert read_list(LIST.encode()) == found


def test_what_the_environments_read_is_read_alike() -> None:
    wanted = parse_file("environment.yml", LIST, "linux-64")
    found = read_list(LIST)
    assert (wanted.packages, wanted.pip) == (tuple(found.conda.values()), tuple(found.pip.values()))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "Anchors"),
        ("dependencies: [*x]", "Aliases"),
        ("dependencies:\n  - &x python", "Anchors"),
        ("a: 1\n<<: {b: 1}", "Merging"),
        ("dependencies: !!python/object/apply:os.system ['touch /tmp/x']", "Tags"),
        ("dependencies: !!set {a, b}", "Tags"),
        ("dependencies: !x [a]", "Tags"),
        ("%TAG ! tag:evil,2000:\n---\ndependencies: []", "Tags"),
        ("dependencies: []\n---\ndependencies: [evil]", "second document"),
        ("dependencies: [a]\ndependencies: [evil]", "stands twice"),
        ("dependencies:\n  - numpy\n  - numpy=1", "stands twice"),
        ("dependencies:\n  - pip: [six]\n  - pip: [seven]", "stands twice"),
        ("dependencies:\n  - pip: [six==1, Six==2]", "stands twice"),
        ("[" * 100_000, "deep"),
        ("dependencies: " + "[" * 20 + "]" * 20, "deep"),
        ("x" * (MAX_LIST + 1), "bytes"),
        ("dependencies:\n" + "  - a\n" * 1_500_000, "bytes"),
        ("dependencies:\n" + "".join(f"  - p{n}\n" for n in range(6000)), "5000"),
        ("dependencies: [a\0b]", "not a text"),
        ("\ud800", "not a text"),
        ("dependencies: [a", "not YAML"),
        ("dependencies: [\u0007]", "not YAML"),
        ("", "empty"),
        ("- a\n- b", "map"),
        ("just words", "map"),
        ("name: x", "no `dependencies`"),
        ("dependencies: text", "list of specs"),
        ("dependencies: [{conda: [a]}]", "a package's spec"),
        ("dependencies: [{pip: six}]", "list of requirements"),
        ("dependencies: [{pip: [{a: b}]}]", "list of requirements"),
        ("dependencies: [{? [a] : b}]", "key is a text"),
        ("channels: conda-forge\ndependencies: []", "list of texts"),
        ("channels: ['-c evil']\ndependencies: []", "option"),
        ("channels: ['../evil']\ndependencies: []", "neither a channel"),
        ("channels: ['https://user:secret@host/chan']\ndependencies: []", "password"),
        ("platforms: ['../../x']\ndependencies: []", "not a platform"),
        ("platforms: [linux-64/../x]\ndependencies: []", "not a platform"),
        ("dependencies: ['--file=/etc/passwd']", "option"),
        ("dependencies: ['https://evil/noarch/a-1-0.conda']", "address"),
        ("dependencies: ['../x']", "path"),
        ('dependencies: ["a\\nb"]', "characters"),
        ("variables: {LD_PRELOAD: /tmp/x.so}\ndependencies: []", "changes what programs load"),
        ("variables: {PATH: /tmp}\ndependencies: []", "changes what programs load"),
        ("variables: {'a b': c}\ndependencies: []", "not the name"),
        ("variables: {a: [b]}\ndependencies: []", "one line"),
        ('variables: {a: "b\\nc"}\ndependencies: []', "one line"),
        ("name: [x]\ndependencies: []", "text"),
    ],
)
def test_what_is_no_list_is_refused_with_the_reason(text: str, why: str) -> None:
    began = time.perf_counter()
    with pytest.raises(Invalid, match=why) as error:
        read_list(text)
    assert time.perf_counter() - began < 5
    assert error.value.message.isprintable()
    assert len(error.value.message) < 400
    assert "secret" not in str(error.value.message) + str(error.value.detail)


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://evil/simple",
        "--extra-index-url=https://evil/simple",
        "-i https://evil",
        "-ihttps://evil",
        "-r /etc/passwd",
        "-r../x.txt",
        "--requirement=x",
        "-c x.txt",
        "-e .",
        "-e git+https://evil/x",
        "--editable=/x",
        "--find-links=/x",
        "-f /x",
        "--trusted-host evil",
        "--global-option=x",
        "file:///etc/passwd",
        "file:x",
        "FILE:///x",
        "./x",
        "../x",
        "/x.whl",
        "~/x",
        "git+https://evil/x",
        "six @ https://evil/six.whl",
        "six @ file:///six.whl",
        "https://evil/six.whl",
        "six --hash=sha256:00",
        "six; python_version > '3' --index-url x",
        "$(touch x)",
        "${HOME}",
    ],
)
def test_pip_takes_names_and_versions_only(line: str) -> None:
    with pytest.raises(Invalid) as error:
        read_list("dependencies:\n  - pip:\n      - " + msgspec.json.encode(line).decode())
    assert "pip" in error.value.detail["field"]


def test_what_looks_like_a_number_or_a_no_is_the_text_that_was_written() -> None:
    found = read_list("name: 123\nvariables: {A: on, B: 1.10, C: 0x10, D: 'null', E: 1_000}\ndependencies: [y]")
    assert found.name == "123"
    assert found.variables == {"A": "on", "B": "1.10", "C": "0x10", "D": "null", "E": "1_000"}
    assert found.conda == {"y": "y"}


def test_what_has_no_effect_is_said() -> None:
    found = read_list("prefix: /home/ann/x\nextra: [a]\nchannels: [nodefaults, a]\ndependencies: []")
    assert found.channels == ("a",)
    assert len(found.notes) == 2


def test_a_name_may_stand_once_for_each_marker() -> None:
    found = read_list("dependencies: [{pip: [\"a==1; python_version<'3.9'\", \"A==2; python_version>='3.9'\"]}]")
    assert len(found.pip) == 2
    assert pip_key("Foo_Bar[x]>=1") == "foo-bar"


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_nothing_else_than_invalid_is_ever_raised(raw: str | bytes) -> None:
    try:
        read_list(raw)
    except Invalid as error:
        refused = error
    else:
        return
    assert refused.message.isprintable()


_texts = st.text(st.characters(categories=("L", "N", "P", "S"), include_characters=" \n"), max_size=8)
_values = st.recursive(
    st.one_of(st.none(), _texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=3)),
    max_leaves=8,
)


@given(_values)
def test_plain_yaml_is_read_as_everybody_reads_it(value: object) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    assert read_yaml(text) == value


@given(lists())
def test_what_is_written_is_read_again(wanted: PackageList) -> None:
    text = write_list(wanted)
    assert same(read_list(text), wanted)
    # And by anybody else.
    document = yaml.safe_load(text)
    assert (document.get("name"), tuple(document.get("channels", ()))) == (wanted.name, wanted.channels)
    conda = [entry for entry in document["dependencies"] if isinstance(entry, str)]
    assert tuple(conda) == tuple(wanted.conda.values())
    assert document.get("variables", {}) == wanted.variables


def test_a_change_touches_only_its_own_lines() -> None:
    found = read_list(LIST)
    conda = {**found.conda, "python": "python=3.12", "scipy": "scipy"}
    del conda["pandas"]
    wanted = msgspec.structs.replace(found, conda=conda, pip={**found.pip, "six": "six==1.17.0", "tqdm": "tqdm"})
    edited = edit_list(LIST, wanted)
    assert edited == (
        LIST.replace("python=3.11", "python=3.12")
        .replace("  - pandas\n", "")
        .replace("  - pip\n", "  - pip\n  - scipy\n")
        .replace("six==1.16.0", "six==1.17.0")
        .replace('"3.14"\n', '"3.14"\n      - tqdm\n')
    )
    assert edit_list(LIST, found) == LIST
    crlf = edit_list(LIST.replace("\n", "\r\n"), wanted)
    assert crlf == edited.replace("\n", "\r\n")


def test_the_first_and_the_last_of_pip_come_and_go() -> None:
    text = "# ours\ndependencies:\n  - a  # one\n"
    wanted = msgspec.structs.replace(read_list(text), pip={"six": "six"})
    with_pip = edit_list(text, wanted)
    assert with_pip == "# ours\ndependencies:\n  - a  # one\n  - pip:\n      - six\n"
    assert edit_list(with_pip, read_list(text)) == text


@given(lists(), lists(), st.booleans())
def test_any_change_can_be_made_to_any_list(before: PackageList, wanted: PackageList, only_packages: bool) -> None:
    if only_packages:
        wanted = msgspec.structs.replace(before, conda=wanted.conda, pip=wanted.pip)
    text = "# kept\n" + write_list(before).replace("\n  - ", "\n  # why\n  - ")
    edited = edit_list(text, wanted)
    assert same(read_list(edited), wanted)
    assert edit_list(edited, wanted) == edited
    if only_packages and before.conda and wanted.conda:
        assert edited.startswith("# kept\n")
        assert edited.count("# why") == text.count("# why")
