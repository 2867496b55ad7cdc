"""What the page on policy documents shows is one, the shipped schema says so too, and every field is explained."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

import jupyter_lcc.idle.document as package
from jupyter_lcc.idle.document.model import Hours, PolicyDocument, Rule, Subject, When
from jupyter_lcc.idle.document.rules import apply, parse
from jupyter_lcc.idle.policy import Choices, PolicyInput, resolve

PAGE = (Path(__file__).parents[3] / "docs/policy.md").read_text()
SCHEMA: Any = json.loads((Path(package.__file__).parent / "policy.schema.json").read_text())
EXAMPLE = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_is_valid_and_does_what_the_page_says() -> None:
    (text,) = EXAMPLE
    document = parse(text.encode())
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(text))
    bob = Subject(users=("bob",), instance_type="ml.g5.xlarge", gpu=True)
    at = datetime(2026, 11, 23, 1, 0, tzinfo=timezone.utc)  # a Monday, 10:00 in Seoul
    below = PolicyInput(mode="enforce", mode_source="default")
    kernel = resolve(apply(document, bob, at, below), Choices()).kernel_timeout_seconds
    assert (kernel.value, kernel.rule, kernel.min, kernel.max) == (1200, "gpu machines", 300, 3600)
    small = Subject(users=("bob",), instance_type="ml.t3.medium", gpu=False)
    kernel = resolve(apply(document, small, at, below), Choices()).kernel_timeout_seconds
    assert (kernel.value, kernel.rule, kernel.max) == (7200, "working hours", 14400)
    ann = Subject(users=("vision-7",), instance_type="ml.g5.xlarge", gpu=True)
    policy = resolve(apply(document, ann, at, below), Choices())
    assert (policy.kernel_timeout_seconds.value, policy.instance_timeout_seconds.locked) == (43200, False)
    new_year = datetime(2026, 12, 31, 15, 0, tzinfo=timezone.utc)
    assert resolve(apply(document, ann, new_year, below), Choices()).kernel_timeout_seconds.value == 1200


@pytest.mark.parametrize(
    "wrong", [{"version": 2, "rules": []}, {"version": 1, "rules": [{"name": "a", "values": {"colour": 1}}]}]
)
def test_the_schema_refuses_what_we_refuse(wrong: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(wrong)


def test_every_field_is_explained() -> None:
    table = PAGE.partition("| field | meaning |")[2].partition("\n\n")[0]
    names = [
        *PolicyDocument.__struct_encode_fields__,
        *Rule.__struct_encode_fields__,
        *When.__struct_encode_fields__,
        *Hours.__struct_encode_fields__,
    ]
    for name in names:
        assert re.search(rf"`(\w+(\[\])?\.)?{name}(\[\])?`|`{name}\[", table), name
