"""The library API: every name in its list exists, has a docstring, and is imported when it is used."""

import inspect

import pytest

from scheduled import service
from scheduled.instance import Instance


def test_every_name_in_the_list_is_a_documented_function_of_its_own_name():
    found = {name: getattr(service, name) for name in service.__all__}

    assert found.pop("Instance") is Instance
    assert found == {
        name: one for name, one in found.items() if inspect.isfunction(one) and one.__name__ == name
    }
    assert [name for name, one in found.items() if not one.__doc__] == []


def test_the_list_and_the_table_of_modules_have_the_same_names():
    assert sorted(service.__all__) == sorted(service._MODULES)
    assert set(dir(service)) == set(service.__all__)


def test_its_modules_are_all_below_it():
    assert {module.split(".")[0] for module in service._MODULES.values()} == {
        "instance",
        "config",
        "queries",
        "commands",
    }


def test_a_function_that_needs_an_instance_takes_it_first():
    without = {"Instance", "handler_names", "nested", "together", "verify_backup"}
    functions = [getattr(service, name) for name in service.__all__ if name not in without]

    assert {next(iter(inspect.signature(one).parameters)) for one in functions} == {"instance"}


def test_an_unknown_name_raises_the_error_of_any_module():
    with pytest.raises(AttributeError, match=r"module 'scheduled\.service' has no attribute 'statsu'"):
        _ = service.statsu
