"""`metrics`: the numbers about jobs, runs and ticks for a monitoring system, as they are now."""

from typing import Any

from scheduled import clock
from scheduled.config.config import Config
from scheduled.engine import heartbeat
from scheduled.engine import metrics as engine_metrics
from scheduled.engine.textfile import labels_of
from scheduled.instance import Instance
from scheduled.notify import openmetrics
from scheduled.notify.openmetrics import Family
from scheduled.queries.last_known import config_of
from scheduled.state.open import read_only


def metrics(instance: Instance) -> list[dict[str, Any]]:
    """Return the metrics, each with its `name`, `type`, `help` and `samples`; a sample has its `labels` and its `value`.

    Instants are UTC seconds. Raise ConfigError if the configuration cannot be read.
    """
    config, families = _read(instance)
    labels = labels_of(config.metrics.labels)
    return [
        {
            "name": family.name,
            "type": family.type,
            "help": family.help,
            "samples": [
                {"labels": {**_given(one.labels), **labels}, "value": float(one.value)}
                for one in family.samples
            ],
        }
        for family in families
    ]


def metrics_text(instance: Instance) -> str:
    """Return the metrics in the text format of Prometheus, as `[metrics] textfile` gets them. Raise as `metrics` does."""
    config, families = _read(instance)
    return openmetrics.text(families, labels_of(config.metrics.labels))


def _read(instance: Instance) -> tuple[Config, list[Family]]:
    config = config_of(instance)
    now = clock.now()
    with read_only(instance.paths) as ledger:
        config.override(ledger.overrides())
        beat = heartbeat.last(ledger, instance.paths.snapshot)
        return config, engine_metrics.collect(ledger, config, now, beat)


def _given(labels: openmetrics.Labels) -> dict[str, str]:
    return {name: value for name, value in labels.items() if value}
