"""Every example in a docstring of the library runs, and gives what it says."""

import doctest
import importlib
import pkgutil

import pytest

import firstflight

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(firstflight.__path__, "firstflight.")
    # A script that serves when it is imported, and the command line.
    if module.name not in ("firstflight.svc",)
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    failed, _ = doctest.testmod(importlib.import_module(name), verbose=False)
    assert failed == 0


def test_a_wrong_example_is_seen():
    """The control: an example that says something else fails, so the test above can fail."""
    example = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "control", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(example, out=lambda text: None).failed == 1


def test_there_are_examples():
    found = [
        example
        for name in MODULES
        for test in doctest.DocTestFinder().find(importlib.import_module(name))
        for example in test.examples
    ]
    assert len(found) >= 10
