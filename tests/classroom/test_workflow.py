"""A workflow is read without GitHub: this project's own are right, and slips are named."""

from __future__ import annotations

import pytest

from classroom import pull_request, workflow
from firstflight.workspace import PROJECT

STEP = "- name: ask\n  run: firstflight check\n"


@pytest.mark.parametrize("name", ["ci", "weekly"])
def test_this_projects_workflows_are_right(name):
    text = (PROJECT / ".github" / "workflows" / f"{name}.yml").read_text()
    assert workflow.problems(text) == []


def test_the_lessons_workflow_is_right_with_and_without_its_step():
    assert workflow.problems(pull_request.WORKFLOW) == []
    for step in (STEP, "\n" + STEP, "      - name: ask\n        run: firstflight check"):
        assert workflow.problems(pull_request.with_step(step)) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("on:", "when:", "no key 'when'"),
        ("on:", "when:", "has no key on"),
        ("    runs-on: [self-hosted, sees-the-registry]\n", "", "where it runs"),
        ("    steps:", "    step:", "no list of steps"),
        ("        run: pytest tests", "        does: pytest tests", "no key 'does'"),
        ("        run: pytest tests", "        if: always()", "either run or uses"),
        ("        run: pytest tests", "        run: [pytest]", "is no text"),
        ("name: Tests", "name: Tests: all", "This is no YAML in line"),
    ],
)
def test_a_slip_is_named(old, new, words):
    assert old in pull_request.WORKFLOW
    found = workflow.problems(pull_request.WORKFLOW.replace(old, new))
    assert any(words in problem for problem in found), found


def test_what_is_no_workflow_at_all():
    assert workflow.problems("- a list") == [
        "A workflow is a table with the keys name, on and jobs."
    ]
    assert workflow.step_problems("run") == ["The step is no table of keys such as name and run."]
