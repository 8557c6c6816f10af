"""`env JOB`: the environment that a job would get now, and where each variable comes from."""

from collections.abc import Mapping
from typing import Any

from scheduled.config.named import one_target
from scheduled.core.jobs import Job
from scheduled.core.run_ids import trial_run_id
from scheduled.core.starts import manual_start
from scheduled.engine.runtime import Runtime, open_runtime
from scheduled.execution.prepare import about_run, environment_of, without
from scheduled.install import environment as of_cron
from scheduled.instance import Instance
from scheduled.masking import MASKED, Mask, is_secret_name, secrets_of
from scheduled.state.open import read_only

RUN = "this run"


def environment(instance: Instance, job: str, *, diff_shell: bool = False) -> dict[str, Any]:
    """Return the variables that *job*, a name or JOB@TARGET, would get now, as `try` gives them: sorted, each with its source.

    What `logs` would mask is masked, always; secrets are not read. With *diff_shell* `shell` is what differs from the
    variables of this process. Raise ConfigError if there is no such job or target, ScheduledError, with its name, if the
    `env_file` can't be read.
    """
    runtime = open_runtime(instance)
    with read_only(runtime.paths) as ledger:
        runtime.config.override(ledger.overrides())
        job_states = ledger.job_states()
    key = one_target(runtime.config, job)
    found, state = runtime.config.jobs[key.job], job_states.get(key)
    written, given = environment_of(found, runtime.environment)
    claim = manual_start(key, state.window_start if state else None, trial_run_id(key)).claim
    about = about_run(found, claim)
    values = {**given, **dict.fromkeys(found.secrets, MASKED), **about}
    shown = _masked(values, Mask(secrets_of(without(given, found.secrets), written)))
    sources = _sources(runtime, found, written, about)
    variables = [{"name": name, "value": shown[name], "source": sources[name]} for name in sorted(values)]
    document: dict[str, Any] = {"job": key.job, "target": key.target or None, "variables": variables}
    return document | ({"shell": _difference(values, variables)} if diff_shell else {})


def _sources(
    runtime: Runtime, job: Job, written: Mapping[str, str], about: Mapping[str, str]
) -> dict[str, str]:
    """Return the source of each variable."""
    own = runtime.config.written.jobs.get(job.name, {}).get("env") or {}
    found: dict[str, str] = {}
    for source, variables in runtime.layers():
        found |= dict.fromkeys(variables, source)
    found |= dict.fromkeys(written, f"env_file {job.env_file}")
    found |= {name: "env" if name in own else "[defaults] env" for name in job.env}
    found |= {name: f"secret, {source}" for name, source in job.secrets.items()}
    return found | dict.fromkeys(about, RUN)


def _masked(values: Mapping[str, str], mask: Mask) -> dict[str, str]:
    return {
        name: MASKED if value and is_secret_name(name) else mask.text(value) for name, value in values.items()
    }


def _difference(values: Mapping[str, str], variables: list[dict[str, str]]) -> dict[str, Any]:
    """Return how the *variables* of a job, which have these *values*, differ from those of this process."""
    caller = of_cron.of_caller()
    missing, other = of_cron.compare(caller, values)
    return {
        "not_given": missing,
        "other_value": [_with_shell(one, caller) for one in variables if one["name"] in other],
        "only_in_job": [one for one in variables if one["name"] not in caller],
    }


def _with_shell(variable: dict[str, str], caller: Mapping[str, str]) -> dict[str, str]:
    """Return a variable with the value that *caller* has; it is masked if that of the job is."""
    hidden = MASKED in variable["value"] or is_secret_name(variable["name"])
    return {**variable, "shell": MASKED if hidden else caller[variable["name"]]}
