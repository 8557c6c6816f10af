from scheduled.commands.not_given import compare


def test_the_names_of_missing_and_of_different_variables_are_sorted_and_without_values():
    caller = {"TOKEN": "secret", "LANG": "de", "PATH": "/opt", "HOME": "/home/ada"}

    assert compare(caller, {"PATH": "/bin", "HOME": "/home/ada"}) == (["LANG", "TOKEN"], ["PATH"])
