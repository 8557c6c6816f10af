"""The dashboard, the alert rules and the documentation name metrics and labels that exist; the documentation names all."""

import json
import re
from itertools import combinations
from pathlib import Path

import pytest

from scheduled.config.config import with_settings
from scheduled.config.tables import SettingsTable
from scheduled.engine import metrics
from tests.fixtures.ledgers import LEDGERS

DOCS = Path(__file__).parents[3] / "docs"
NAME = re.compile(r"\bscheduled_[a-z_]+\b")
NOT_METRICS = {"scheduled_state"}  # the snapshot
COLUMNS = 24  # of a dashboard
LABELS = {"instance", "user", "job_name", "target", "status", "reason", "severity", "version"}


@pytest.fixture
def existing(tmp_path):
    ledger = LEDGERS["sqlite"](tmp_path)
    config = with_settings(tmp_path / "scheduled.toml", SettingsTable(), "UTC", kept=False)
    found = {family.name for family in metrics.collect(ledger, config, 1e9, None)}
    ledger.close()
    return found


@pytest.fixture
def dashboard():
    return json.loads((DOCS / "prometheus/dashboard.json").read_text())


@pytest.mark.parametrize("name", ["rules.yml", "rules_test.yml", "dashboard.json"])
def test_they_use_only_metrics_that_exist(existing, name):
    used = {*NAME.findall((DOCS / "prometheus" / name).read_text())}

    assert len(used) > 8
    assert used - existing == set()


def test_the_documentation_lists_every_metric_and_no_other(existing):
    named = {*NAME.findall((DOCS / "monitoring.md").read_text())} - NOT_METRICS

    assert named == existing


def test_every_query_of_the_dashboard_selects_by_labels_that_exist(dashboard):
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [variable["query"]["query"] for variable in dashboard["templating"]["list"][1:]]

    assert len(queries) > 12
    for query in queries:
        used = re.findall(r"([a-z_]+)(?==~)", query) + re.findall(
            r"[a-z_]+", "".join(re.findall(r"by \((.*?)\)", query))
        )
        assert {*used} <= LABELS, query


def test_the_dashboard_has_the_fields_that_grafana_needs(dashboard):
    assert {"uid", "title", "schemaVersion", "panels", "templating", "time"} <= dashboard.keys()
    assert dashboard.get("id") is None  # the id is that of an installation
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    text = json.dumps(dashboard["panels"])
    assert {*re.findall(r"\$\{?([a-z_]+)", text)} == variables
    for panel in dashboard["panels"]:
        assert {"id", "type", "title", "gridPos", "targets", "fieldConfig", "datasource"} <= panel.keys()
        assert panel["datasource"]["uid"] == "${datasource}"
        names = [target["refId"] for target in panel["targets"]]
        assert len(names) == len({*names}) > 0
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len({*ids})


def test_no_panels_overlap(dashboard):
    places = [panel["gridPos"] for panel in dashboard["panels"]]

    assert all(place["x"] + place["w"] <= COLUMNS for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below
