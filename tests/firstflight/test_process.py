"""The decisions are read as written, and a wrong one is a sentence that says what to do."""

import copy
import tomllib

import pytest
from pydantic import ValidationError

from firstflight import process
from firstflight.errors import ProcessError

GOOD = tomllib.loads(process.DEFAULT.read_text())


def as_toml(table, prefix=""):
    """Write a nested table as TOML; enough of it for these tests."""
    lines, tables = [], []
    for key, value in table.items():
        if isinstance(value, dict):
            tables.append((f"{prefix}{key}", value))
        elif isinstance(value, list):
            lines.append(f"{key} = [{', '.join(toml_value(v) for v in value)}]")
        else:
            lines.append(f"{key} = {toml_value(value)}")
    text = "\n".join(lines)
    for name, inner in tables:
        text += f"\n[{name}]\n{as_toml(inner, f'{name}.')}"
    return text


def toml_value(value):
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes the default with changes: dotted key = value, or None."""

    def write(**changes):
        table = copy.deepcopy(GOOD)
        for dotted, value in changes.items():
            *path, last = dotted.split("__")
            inner = table
            for part in path:
                inner = inner.setdefault(part, {})
            if value is None:
                del inner[last]
            else:
                inner[last] = value
        file = tmp_path / "process.toml"
        file.write_text(as_toml(table))
        return file

    return write


def test_the_committed_default_is_complete():
    decided = process.load(process.DEFAULT)
    rules = decided.usecase("flights")
    assert decided.source == process.DEFAULT
    assert rules.metric == "log_loss"
    assert rules.gate.min_days <= rules.gate.window_days
    assert decided.waiver.may_waive == ("hold",), "a fail cannot be waived by default"


def test_the_writer_of_these_tests_changes_nothing(write):
    assert process.load(write()).model_dump() == process.load(process.DEFAULT).model_dump()


def test_the_teams_copy_is_read_before_the_default(write, tmp_path, monkeypatch):
    monkeypatch.setenv("FIRSTFLIGHT_HOME", str(tmp_path))
    assert process.load().source == process.DEFAULT
    write(state__max_age_days=5)
    assert process.load().source == tmp_path / "process.toml"
    assert process.load().state.max_age_days == 5


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"state__max_age_days": None}, ["state.max_age_days is missing", "whole days, 1 or more"]),
        ({"state__max_age_days": 0}, ["state.max_age_days is 0", "whole days, 1 or more"]),
        ({"state__max_age_days": 1.5}, ["state.max_age_days is 1.5", "whole days"]),
        ({"state__max_age_days": "2"}, ["state.max_age_days is '2'", "whole days"]),
        ({"state__max_age_days": True}, ["state.max_age_days is True", "whole days"]),
        ({"state__max_age": 2}, ["state.max_age is not a known key", "max_age_days"]),
        ({"state": None}, ["state is missing", "a table with max_age_days"]),
        ({"stat__x": 1}, ["stat is not a known key", "owners, state"]),
        ({"owners": {}}, ["owners is {}", "a table of role = team"]),
        ({"permissions__rollback": []}, ["permissions.rollback is", "at least one name"]),
        (
            {"permissions__rollback": ["the boss"]},
            ['permissions.rollback is "the boss"', "a role of [owners]"],
        ),
        ({"permissions__waive": ["nobody"]}, ['permissions.waive is "nobody"', "model_owner"]),
        ({"waiver__may_waive": ["all"]}, ["waiver.may_waive is 'all'", '"hold" and "fail"']),
        ({"usecases": {}}, ["usecases is {}", "a table per use case"]),
        (
            {"usecases__flights__metric": "auc"},
            ["usecases.flights.metric is 'auc'", '"log_loss" or "mae"'],
        ),
        (
            {"usecases__flights__gate__confidence": 95},
            ["usecases.flights.gate.confidence is 95", "from 0.5 to 0.999"],
        ),
        (
            {"usecases__flights__gate__block_days": 0},
            ["usecases.flights.gate.block_days is 0", "whole days, 1 or more"],
        ),
        (
            {"usecases__flights__alerts__autocorrelation": 1.0},
            ["usecases.flights.alerts.autocorrelation is 1.0", "a number from 0 to 0.9"],
        ),
        (
            {"usecases__flights__gate__window_age_max_days": None},
            ["usecases.flights.gate.window_age_max_days is missing", "whole days, 1 or more"],
        ),
        (
            {"usecases__flights__rollout__error_max": 0.5},
            ["usecases.flights.rollout.error_max is 0.5", "a share from 0.001 to 0.2"],
        ),
        (
            {"usecases__flights__rollout__shadow__undecided": "promote"},
            ["usecases.flights.rollout.shadow.undecided is 'promote'", '"abort", "continue"'],
        ),
        (
            {"usecases__flights__gate__calibration_max": float("nan")},
            ["usecases.flights.gate.calibration_max is nan", "a number above 0"],
        ),
        (
            {"usecases__flights__gate__min_days": 20},
            ["usecases.flights.gate.min_days is 20", "at most window_days (14)"],
        ),
        (
            {"usecases__flights__gate__suspicious_auc": None},
            ["usecases.flights.gate.suspicious_auc is missing", "too good to be true"],
        ),
        (
            {"usecases__flights__gate__suspicious_mae": 2.0},
            ["usecases.flights.gate.suspicious_mae is 2.0", "suspicious_auc only"],
        ),
        (
            {"usecases__flights__rollout__canary_share": 1.0},
            ["usecases.flights.rollout.canary_share is 1.0", "below 1"],
        ),
        (
            {"usecases__flights__rollout__shadow__min_days": 40},
            ["usecases.flights.rollout.shadow.min_days is 40", "at most max_days (28)"],
        ),
        (
            {"usecases__flights__alerts__severity__contract": "email"},
            ["usecases.flights.alerts.severity.contract is 'email'", '"page"'],
        ),
        ({"usecases__trains__metric": "mae"}, ["usecases.trains.gate is missing", "a table with"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_decision_is_one_sentence(write, changes, parts):
    file = write(**changes)
    with pytest.raises(ProcessError) as error:
        process.load(file)
    said = str(error.value)
    assert said.startswith(f"{file}: ")
    assert said.endswith(".") and "\n" not in said
    for part in parts:
        assert part in said


def test_a_regression_use_case_needs_its_own_suspicion(write):
    flights = copy.deepcopy(GOOD["usecases"]["flights"])
    flights["metric"] = "mae"
    with pytest.raises(ProcessError, match=r"usecases\.minutes\.gate\.suspicious_mae is missing"):
        process.load(write(usecases__minutes=flights))
    del flights["gate"]["suspicious_auc"]
    flights["gate"]["suspicious_mae"] = 2.0
    assert process.load(write(usecases__minutes=flights)).usecase("minutes").metric == "mae"


def test_a_file_that_is_not_there_or_not_toml(tmp_path):
    with pytest.raises(ProcessError, match=r"no\.toml: cannot be read"):
        process.load(tmp_path / "no.toml")
    file = tmp_path / "process.toml"
    file.write_text("[state\n")
    with pytest.raises(ProcessError, match=r"process\.toml: is not valid TOML .*line 1"):
        process.load(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ProcessError, match="is not valid TOML"):
        process.load(file)


def test_an_undecided_use_case_is_named(write):
    file = write()
    with pytest.raises(ProcessError, match=r"usecases\.trains is missing.*flights") as error:
        process.load(file).usecase("trains")
    assert str(file) in str(error.value)


def test_decisions_do_not_change_after_reading():
    decided = process.load(process.DEFAULT)
    with pytest.raises(ValidationError):
        decided.state.max_age_days = 30


def test_the_digest_names_the_rules():
    gate = process.load(process.DEFAULT).usecase("flights").gate
    other = gate.model_copy(update={"calibration_max": gate.calibration_max * 2})
    assert process.digest(gate) == process.digest(gate.model_copy())
    assert process.digest(gate) != process.digest(other)
