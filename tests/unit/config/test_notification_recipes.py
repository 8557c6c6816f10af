"""The recipes of docs/notifications.md are valid, have at most five lines, and apprise understands their URLs."""

import re
import tomllib
import warnings
from pathlib import Path

import apprise
import pytest

from scheduled.config import notices
from scheduled.config.files import load_config
from scheduled.core.channels import BUILT_IN

PAGE = (Path(__file__).parents[3] / "docs/notifications.md").read_text()
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
RECIPES = [block for block in BLOCKS if "[notify.channels]" in block]


def test_there_are_recipes_for_mail_slack_and_ntfy():
    names = [name for block in RECIPES for name in tomllib.loads(block)["notify"]["channels"]]

    assert {"mail", "slack", "ntfy"} <= {*names}
    assert [block for block in RECIPES if len(block.splitlines()) > 5] == []


def understands(url):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of modules that services of apprise import
        return apprise.Apprise().add(url)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_is_a_valid_configuration(world, block):
    world.configure(block)
    found = load_config(world.config)

    assert found.problems == []
    for name, channel in notices.channels(found.notify).items():
        assert name in BUILT_IN or channel.kind == "command" or understands(channel.url)
    assert {name for rule in notices.rules(found.notify) for name in rule.to} <= {
        *notices.channels(found.notify)
    }


def test_the_placeholders_of_the_page_are_those_that_exist():
    from scheduled.core.notice_text import PLACEHOLDERS

    table = PAGE[PAGE.index("| placeholder") : PAGE.index("`check` refuses other")]
    assert sorted(re.findall(r"`\{(\w+)\}`", table)) == sorted(PLACEHOLDERS)
