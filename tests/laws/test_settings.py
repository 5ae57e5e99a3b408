"""`config.yaml` is the list of all settings: each stands there with its default, and any can come by environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from jinaconnect.config import Config, load

LISTED = Path(__file__).resolve().parents[2] / "config.yaml"


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file, and nothing of this machine's environment, has a say."""
    monkeypatch.setattr("jinaconnect.config._file", None)
    for name in ("JC_VAR_DIR", "JC_MONGODB__URI", "JC_REDIS__URL", "JC_SECRETS__MASTER_KEY"):
        monkeypatch.delenv(name, raising=False)


def leaves(held: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yield the path of every setting; what an empty mapping or list holds is one."""
    for name, value in held.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{before}{name}.")
        else:
            yield before + name


def declared(model: type[BaseModel], before: str = "") -> Iterator[str]:
    """Yield the path of every setting that the program knows."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from declared(field.annotation, f"{before}{name}.")
        else:
            yield before + name


def test_every_setting_is_listed_with_its_default() -> None:
    listed = yaml.safe_load(LISTED.read_text())
    assert sorted(leaves(listed)) == sorted(declared(Config))
    assert load(LISTED) == load(None), "a default in the file is not the program's"


def test_a_setting_comes_by_environment_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JC_HTTP__PORT", "18080")
    monkeypatch.setenv("JC_LOG__LEVEL", "debug")
    assert (load(LISTED).http.port, load(LISTED).log.level) == (18080, "debug")


def test_a_setting_that_there_is_not_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("http:\n  prot: 18080\n")
    with pytest.raises(ValidationError) as caught:
        load(file)
    assert [error["loc"] for error in caught.value.errors()] == [("http", "prot")]
