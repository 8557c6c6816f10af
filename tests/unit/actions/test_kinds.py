import ast
from pathlib import Path
from types import ModuleType

import pytest

from scheduled.actions import chain, registry
from scheduled.actions.kind import SUPERVISOR, Key, Work
from scheduled.config.check import check
from scheduled.config.edit import Edit
from scheduled.config.effects import effects
from scheduled.config.files import load_config
from scheduled.core.jobs import Action
from scheduled.interfaces.web.pages import forms

NAMED = ", ".join(registry.KINDS)
ROOT = Path(registry.__file__).parents[1]


@pytest.fixture
def beep(monkeypatch):
    """A kind of action that the program does not have."""
    kind = ModuleType("beep")
    vars(kind).update(
        KEYS={"beep": Key(str), "times": Key(int, executed=False)},
        GROUP="speaker",
        EXECUTOR=SUPERVISOR,
        read=lambda given: Action("beep", words=("beep", str(given["times"] or 1)), name=given["beep"]),
        faults=lambda job: [f"beep: no such sound: {job.action.name}"] if job.action.name == "x" else [],
        describe=lambda action: f"beep {action.name} {action.words[1]} times",
        handler=lambda _: "",
        missing=lambda *_: [],
        LABEL="a beep",
        EXAMPLE="high",
        METAVAR="SOUND",
        HELP="What: a sound.",
        from_text=lambda text, _: text,
        to_text=str,
        prepare=lambda job, *_: Work(argv=job.action.words),
    )
    monkeypatch.setitem(registry.KINDS, "beep", kind)


@pytest.fixture
def configured(tmp_path):
    def configure(text):
        path = tmp_path / "scheduled.toml"
        path.write_text(f"[jobs.a]\n{text}\n")
        path.chmod(0o600)
        return load_config(path)

    return configure


@pytest.mark.usefixtures("beep")
def test_a_new_kind_is_loaded_from_its_keys_and_described_by_its_function(configured):
    job = configured('beep = "high"\ntimes = 3').jobs["a"]

    assert job.action == Action("beep", words=("beep", "3"), name="high")
    assert (job.group, registry.describe(job.action)) == ("speaker", "beep high 3 times")


@pytest.mark.usefixtures("beep")
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('beep = ""', "beep: is empty; write a value or remove the job"),
        ("beep = 1", "beep: must be a string, got an integer"),
        ('beep = "high"\ntime = 3', "time: unknown key; did you mean times?"),
        ('command = "true"\ntimes = 3', "times: only valid with `beep`, and this job has `command`; remove it"),
        ('beep = "high"\ncommand = "true"', f"command and beep: only one of {NAMED}, beep may be given; remove the others"),
        ("", f"has no action; write one of {NAMED}, beep"),
    ],
)  # fmt: skip
def test_errors_in_the_keys_of_a_new_kind_are_named(configured, text, fault):
    found = configured(text)

    assert (dict(found.jobs), [line.partition("jobs.a: ")[2] for line in found.problems]) == ({}, [fault])


@pytest.mark.usefixtures("beep")
def test_check_calls_the_kind_and_its_keys_define_which_of_them_are_executed(configured):
    path = configured('beep = "x"').path

    assert check(path)["problems"] == [f"{path}: jobs.a: beep: no such sound: x"]
    path.write_text("")
    table = '[jobs.a]\nbeep = "x"\ntimes = 2\ncron = "@daily"\n'
    found = effects(path, Edit(path, b"", table.encode()))
    assert [effect.key for effect in found if effect.kind == "executes"] == ["beep"]


def test_of_the_built_in_kinds_the_keys_that_are_executed_are_marked():
    assert {name: key.executed for name, key in registry.keys().items()} == {
        "command": True,
        "python": True,
        "handler": False,
        "chain": False,
    }


def test_without_the_kind_its_keys_are_unknown(configured):
    (problem,) = configured('beep = "high"').problems
    assert problem.endswith("jobs.a: beep: unknown key; correct its name or remove it")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Action("command", words=("rsync", "a b")), "rsync 'a b'"),
        (Action("command", line="a | b"), "a | b"),
        (Action("python", name="module:main"), "python module:main"),
        (Action("handler", name="health"), "handler health"),
        (Action("chain", steps=(("a",), ("b", "c"))), "chain a, b + c"),
    ],
)
def test_an_action_is_described_for_the_user(action, words):
    assert registry.describe(action) == words


def test_only_a_handler_action_names_a_handler():
    actions = [Action(kind, name="health", steps=(("a",),)) for kind in registry.KINDS]

    assert [registry.handler_of(action) for action in actions] == ["", "", "health", ""]


def test_only_the_modules_of_the_kinds_compare_the_kind_of_an_action():
    comparing = {
        str(file.relative_to(ROOT))
        for file in ROOT.rglob("*.py")
        if file.parent.name != "actions"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Compare) and ast.unparse(node.left).endswith("action.kind")
    }

    assert comparing == set()


@pytest.mark.usefixtures("beep")
def test_a_form_offers_a_new_kind_and_writes_its_key():
    assert ("beep", "a beep") in forms.what_choices()
    assert "beep: high" in forms.what_hint()
    assert "beep" in forms.executed()
    assert forms.work({"beep": "low"}) == {"what": "beep", "work": "low"}
    filled = forms.fields("a", {"command": "true"}) | {"what": "beep", "work": "low"}
    assert forms.changes({"command": "true"}, filled) == {"command": None, "beep": "low"}


@pytest.mark.parametrize(
    "steps", [["a"], ["a", "b"], [["a", "b+c"], "d"], ["fetch", ["parse", "index"], "publish"]]
)
def test_the_steps_of_a_chain_are_parsed_from_their_text(steps):
    assert chain.from_text(chain.to_text(steps), None) == steps
