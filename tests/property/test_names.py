"""Every name of a job and of an event that the configuration accepts fits into the ids of runs and the names of their files."""

from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from scheduled.config.job_table import NAME
from scheduled.config.values import EVENT
from scheduled.core import run_ids
from scheduled.core.keys import JobKey
from scheduled.core.tick_times import named
from scheduled.paths import Paths

NOW = 1_772_600_820
TICK = named(NOW, "4194304-ffff")
PATHS = Paths(Path("/state"))
NAMES, EVENTS = st.from_regex(NAME, fullmatch=True), st.from_regex(EVENT, fullmatch=True)
HAN, PLANE_2 = "\u8a9e", "\U00020000"  # letters of three and four bytes


def ids(key: JobKey, event: str) -> list[str]:
    found = [
        run_ids.slot_run_id(key, NOW),
        run_ids.requested_run_id(key, event, 2**63 - 1, NOW),
        run_ids.requested_run_id(key, "chain", 2**63 - 1, NOW),
        run_ids.manual_run_id(key, TICK),
    ]
    return [
        *found,
        *(run_ids.further_run_id(run_id, TICK) for run_id in found),
        run_ids.trial_run_id(key),
    ]


@given(NAMES, st.just("") | st.text(max_size=200), EVENTS)
@example(HAN * 100, "", "disk_full")
@example(PLANE_2 * 100, PLANE_2 * 100, "a" + PLANE_2 * 99)
@example("a" + "@" * 99, "x" * 64, "e" * 100)
@settings(max_examples=400)
def test_ids_fit_into_the_names_of_files(name: str, target: str, event: str) -> None:
    for run_id in ids(JobKey(name, target), event):
        paths = [PATHS.output_of(run_id, 10**9), PATHS.report_of(run_id, 10**9)]
        assert all(len(f"{path.name}.damaged".encode()) <= 255 for path in paths)
        assert [paths[0].parent.parent, paths[1].parent] == [PATHS.output, PATHS.results]
        assert PATHS.run_of(paths[1]) == run_id


@given(st.lists(NAMES, min_size=2, max_size=6, unique=True), st.sampled_from(["", HAN * 99, PLANE_2 * 98]))
def test_different_names_have_different_ids(names: list[str], beginning: str) -> None:
    found = [name for name in {(beginning + name)[:100] for name in names} if NAME.fullmatch(name)]

    assert len({JobKey(name).in_ids for name in found}) == len(found)


@given(st.from_regex(r"[A-Za-z0-9][\w.:+-]{0,99}", fullmatch=True, alphabet=st.characters(max_codepoint=127)))
def test_a_name_in_ascii_is_in_the_id_as_it_is(name: str) -> None:
    assert run_ids.slot_run_id(JobKey(name), NOW) == f"{name}-20260304T050700Z"
    assert run_ids.requested_run_id(JobKey(name), "memory_threshold_exceeded", 12, NOW).endswith(
        "-memory_threshold_exceeded-12"
    )
