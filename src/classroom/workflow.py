"""Read a GitHub Actions workflow and say what GitHub would refuse, without asking GitHub.

This knows the keys that a plain workflow needs, and no expressions. A tool that knows all of them
is actionlint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

WORKFLOW = {"name", "on", "permissions", "concurrency", "env", "defaults", "jobs", "run-name"}
JOB = {
    *("name", "runs-on", "needs", "if", "permissions", "environment", "concurrency", "outputs"),
    *("env", "defaults", "steps", "timeout-minutes", "strategy", "continue-on-error"),
    *("container", "services"),
}
STEP = {
    *("id", "name", "if", "uses", "run", "with", "env", "shell", "working-directory"),
    *("continue-on-error", "timeout-minutes"),
}


def problems(text: str) -> list[str]:
    """Return what is wrong with a workflow, a sentence each; an empty list where nothing is.

    Parameters
    ----------
    text : str
        The YAML.

    Returns
    -------
    list of str
        What GitHub would refuse, or would not run.
    """
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        return [f"This is no YAML{where}: {getattr(error, 'problem', None) or error}."]
    if not isinstance(read, Mapping):
        return ["A workflow is a table with the keys name, on and jobs."]
    # YAML 1.1 reads the key `on` as the truth value, and GitHub does not.
    top = {"on" if key is True else key: value for key, value in read.items()}
    found = _unknown(top, WORKFLOW, "the workflow")
    found += [f"The workflow has no key {key}." for key in ("on", "jobs") if not top.get(key)]
    jobs = top.get("jobs")
    if isinstance(jobs, Mapping):
        for name, job in jobs.items():
            found += _of_job(str(name), job)
    return found


def _unknown(found: Mapping[Any, Any], known: Iterable[str], where: str) -> list[str]:
    more = [str(key) for key in found if key not in set(known)]
    return [f"There is no key {key!r} in {where}." for key in more]


def _of_job(name: str, job: Any) -> list[str]:
    if not isinstance(job, Mapping):
        return [f"Job {name} is no table."]
    found = _unknown(job, JOB, f"job {name}")
    if "runs-on" not in job:
        found.append(f"Job {name} does not say where it runs: runs-on.")
    steps = job.get("steps")
    if not isinstance(steps, list) or not steps:
        return [*found, f"Job {name} has no list of steps: each begins with a dash."]
    for number, step in enumerate(steps, start=1):
        found += step_problems(step, f"step {number} of job {name}")
    return found


def step_problems(step: Any, where: str = "the step") -> list[str]:
    """Return what is wrong with one step, as `problems` does.

    Parameters
    ----------
    step : object
        As YAML reads it.
    where : str, default "the step"
        What the sentences call it.
    """
    if not isinstance(step, Mapping):
        return [f"{where.capitalize()} is no table of keys such as name and run."]
    found = _unknown(step, STEP, where)
    if ("run" in step) == ("uses" in step):
        found.append(f"{where.capitalize()} needs either run or uses, and one of them only.")
    if "run" in step and not isinstance(step["run"], str):
        found.append(f"The run of {where} is no text.")
    return found
