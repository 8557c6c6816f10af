"""The questions that screens ask beside the others: what to draw, what to show while somebody types or waits."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scheduled.where import Where

if TYPE_CHECKING:
    from scheduled.config import DoorsTable


def doors(where: Where) -> "DoorsTable":
    """Return what the configuration lets doors do."""
    from scheduled import config

    return config.load(where.config_file).doors


def settings(where: Where) -> dict[str, Any]:
    """Return what scheduled.toml says beside its jobs, defaults included."""
    import msgspec

    from scheduled import config

    found = config.load(where.config_file)
    fields = (
        "timezone",
        "workspace",
        "max_parallel",
        "max_runs",
        "max_minutes",
        "keep_days",
        "keep_runs",
        "sender",
    )
    return {
        "path": str(found.path),
        **{name: msgspec.to_builtins(getattr(found, name), enc_hook=str) for name in fields},
    }


def executable_keys(definition: Mapping[str, Any]) -> list[str]:
    """Return the keys of a job's definition that say, or change, what is executed."""
    from scheduled import editing, wording

    return editing.executable_keys(wording.from_words(definition) if "job_type" in definition else definition)


def start(where: Where, jobs: Sequence[str], *, wait: float = 0) -> dict[str, Any]:
    """Run jobs now in a process of its own, which outlives whoever asks; wait for its end for *wait* seconds."""
    from scheduled import config, starting
    from scheduled.looking import known_jobs

    known_jobs(config.load(where.config_file), jobs)
    return starting.start(where.config_file, where.paths, ["run", *jobs], wait=wait)


def start_again(where: Where, run_id: str, *, wait: float = 0) -> dict[str, Any]:
    """Run a run again in a process of its own, as `start` does."""
    from scheduled import asking, starting

    asking.wish_again(where.house(), run_id)
    return starting.start(where.config_file, where.paths, ["rerun", run_id], wait=wait)
