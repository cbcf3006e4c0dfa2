"""What stands in deploy/monitoring can be read, and names metrics that the service has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.support.program import ROOT

FOLDER = ROOT / "deploy" / "monitoring"
# What Prometheus itself adds, and what there is on Linux only.
OTHERS = {"up", "process_resident_memory_bytes"}


def load(name: str) -> Any:
    text = (FOLDER / name).read_text(encoding="utf-8")
    return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)


def expressions() -> Iterator[str]:
    """Every expression of the alarms and of the dashboard."""
    yield from (rule["expr"] for group in load("alerts.yml")["groups"] for rule in group["rules"])
    yield from (target["expr"] for panel in load("dashboard.json")["panels"] for target in panel["targets"])


def test_every_metric_that_is_asked_for_is_one_of_the_service(nobody) -> None:
    given = nobody.get("//metrics").text
    known = set(re.findall(r"^([a-z_]+)(?:\{| )", given, re.MULTILINE))
    families = set(re.findall(r"^# TYPE ([a-z_]+) ", given, re.MULTILINE))
    known |= families | {f"{name}_bucket" for name in families}

    asked = [set(re.findall(r"\b(?:stockroom|process)_[a-z_]+|\bup\b", each)) for each in expressions()]
    assert len(asked) >= 12 and all(asked)
    assert set().union(*asked) - known - OTHERS == set()


def test_every_parenthesis_of_an_expression_is_closed() -> None:
    for each in expressions():
        assert [each.count(sign) for sign in "([{"] == [each.count(sign) for sign in ")]}"], each


def test_prometheus_asks_each_process_by_itself_and_reads_the_alarms() -> None:
    config = load("prometheus.yml")
    upstream = (ROOT / "deploy" / "nginx" / "upstream.conf").read_text(encoding="utf-8")

    assert [Path(FOLDER / name).is_file() for name in config["rule_files"]] == [True]
    targets = config["scrape_configs"][0]["static_configs"][0]["targets"]
    assert targets == re.findall(r"server ([\d.:]+) ", upstream)
    assert config["scrape_configs"][0].get("metrics_path", "/metrics") == "/metrics"


def test_every_alarm_says_what_it_is_about() -> None:
    rules = [rule for group in load("alerts.yml")["groups"] for rule in group["rules"]]

    assert len({rule["alert"] for rule in rules}) == len(rules) >= 5
    assert [rule["alert"] for rule in rules if not rule["annotations"]["summary"]] == []
