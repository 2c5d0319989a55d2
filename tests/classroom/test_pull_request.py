"""The small repository: made anew, its branches as use cases, and what CI asks of this project."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from classroom import pull_request
from classroom.errors import CourseError
from firstflight import usecase
from firstflight.workspace import PROJECT

LINE = "        features[name] = requests[name].astype(float)\n"
CELSIUS = LINE + '    features["temp"] = (features["temp"] - 32) / 1.8\n'


def in_celsius(old):
    return replace(old, version=3)


@pytest.fixture
def clone(ws):
    return pull_request.open_repository()


def conformance(base):
    return subprocess.run(
        [PROJECT / ".ci" / "conformance", base],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHON": sys.executable},
    )


def change(clone, old, new):
    file = clone / pull_request.FLIGHTS
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    pull_request.git("switch", "--quiet", "-C", "celsius")
    pull_request.git("commit", "--quiet", "--all", "--message", "celsius")


def test_it_is_a_repository_of_its_own_and_made_anew(clone):
    change(clone, LINE, CELSIUS)
    (clone / "more.txt").write_text("x")
    assert pull_request.open_repository() == clone
    assert not (clone / "more.txt").exists()
    assert pull_request.git("branch", "--format", "%(refname:short)").split() == ["main"]
    assert not pull_request.git("remote")


def test_a_branch_is_a_use_case_and_the_installed_one_stays(clone):
    change(clone, LINE, CELSIUS)
    here = usecase.get("flights")
    main, branch = pull_request.case_of("main"), pull_request.case_of("celsius")
    for version, features in here.features.items():
        assert main.features[version].code_digest == features.code_digest
        assert branch.features[version].code_digest != features.code_digest
    assert usecase.get("flights") is here


def test_put_adds_version_3_and_leaves_the_others(clone):
    pull_request.put(in_celsius)
    pull_request.git("commit", "--quiet", "--all", "--message", "version 3")
    main = usecase.get("flights")
    features = pull_request.case_of("main").features
    assert list(features) == [1, 2, 3] and features[3].version == 3
    for version in main.features:
        assert features[version].code_digest == main.features[version].code_digest


def test_ci_asks_whether_each_feature_version_is_computed_as_before(clone):
    done = conformance(clone)
    assert done.returncode == 0, done.stderr
    change(clone, LINE, CELSIUS)
    done = conformance(clone)
    assert done.returncode == 3
    assert "flights feature version 1,flights feature version 2" in done.stderr


def test_what_git_refuses_is_one_sentence(ws, clone):
    with pytest.raises(CourseError, match="git switch said"):
        pull_request.git("switch", "nowhere")
    (clone / ".git").rename(ws.root / "gone")
    with pytest.raises(CourseError, match="run the cell that makes it"):
        pull_request.git("status")
