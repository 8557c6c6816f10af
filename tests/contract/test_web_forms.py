"""The form of a job, sent as a browser sends it: what the user did not change is not written."""

import tomllib
from html.parser import HTMLParser

import pytest

HEAD = 'timezone = "UTC"\n[web]\nallow_edit = true\n[jobs.other]\ncommand = "true"\n[jobs.job]\n'
SCRIPT = "command = '''\n\nset -e\nif true; then\n  echo yes   # comment\nfi\n'''\n"


class Sent(HTMLParser):
    """The fields of the first form of a page, as a browser sends them."""

    def __init__(self, page):
        super().__init__()
        self.fields, self._area, self._choice = {}, None, None
        self.feed(page.replace("\r\n", "\n").replace("\r", "\n"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        name, value = given.get("name"), given.get("value") or ""
        if tag == "input" and "disabled" not in given:
            if given["type"] in ("hidden", "text"):
                self.fields[name] = value.replace("\n", "") if given["type"] == "text" else value
            elif "checked" in given:
                self.fields[name] = value
        elif tag == "select":
            self._choice = name
        elif tag == "option" and (self._choice not in self.fields or "selected" in given):
            self.fields[self._choice] = value
        elif tag == "textarea":
            self._area = name
            self.fields[name] = ""

    def handle_data(self, data):
        if self._area is not None:
            self.fields[self._area] += data

    def handle_endtag(self, tag):
        if tag == "textarea":
            self.fields[self._area] = self.fields[self._area].removeprefix("\n")
            self._area = None

    def encoded(self):
        return {name: value.replace("\n", "\r\n") for name, value in self.fields.items()}


def sent(page, **changed):
    return Sent(page).encoded() | changed


@pytest.fixture
def browser(connect):
    return connect("browser")


UNCHANGED = {
    "script": SCRIPT,
    "line ends of DOS": 'command = "a\\r\\nb"\n',
    "list": 'command = ["echo", "a\\nb", "c  "]\n',
    "blanks": 'command = "true  "\ntimeout = "5m "\n',
    "description": "command = 'true'\ndescription = '''\n\nfirst  \n\n  second\n'''\n",
    "chain": 'chain = ["other"]\ndescription = " & <b> \\" "\n',
    "no retry": "command = 'true'\nretry = false\n",
    "targets": 'command = "true"\nfor_each = ["a", "b/c d"]\n',
    "targets with commas": 'command = "true"\nfor_each = ["a, b", "c"]\n',
    "branches": 'command = "true"\nfor_each = "branches"\n',
    "a command that prints targets": 'command = "true"\nfor_each = { command = "ls ~/bots" }\n',
    "handler": 'handler = "metrics"\nevery = "1h"\npriority = "low"\n',
}


@pytest.mark.parametrize("table", UNCHANGED.values(), ids=UNCHANGED)
def test_saving_without_a_change_writes_nothing(world, browser, table):
    world.configure(HEAD + table)
    before = world.config.read_bytes()

    page = browser.get("/jobs/job/edit")
    answer = browser.post("/jobs/job/edit", data=sent(page.text))

    assert (page.status_code, answer.status_code) == (200, 303)
    assert world.config.read_bytes() == before


def test_a_change_of_another_field_leaves_the_lines_of_the_command(world, browser):
    world.configure(HEAD + SCRIPT)
    before = tomllib.loads(world.config.read_text())["jobs"]["job"]

    browser.post("/jobs/job/edit", data=sent(browser.get("/jobs/job/edit").text, timeout="5m"))

    assert tomllib.loads(world.config.read_text())["jobs"]["job"] == {**before, "timeout": "5m"}


def test_a_command_of_several_lines_is_changed_as_it_was_written(world, browser):
    world.configure(HEAD + SCRIPT)

    browser.post(
        "/jobs/job/edit", data=sent(browser.get("/jobs/job/edit").text, work="set -e\r\n  echo no\r\n")
    )

    assert tomllib.loads(world.config.read_text())["jobs"]["job"]["command"] == "set -e\n  echo no\n"


def test_the_page_without_allow_edit_shows_the_lines_and_keeps_them(world, browser):
    world.configure(HEAD.replace("true\n", "false\n", 1) + SCRIPT)

    page = browser.get("/jobs/job/edit").text
    browser.post("/jobs/job/edit", data=sent(page, schedule="1h", when="every"))

    assert '<pre class="output">\n\nset -e\nif true; then\n  echo yes' in page
    assert SCRIPT in world.config.read_text()


TARGETS = {
    "a, b/c d": ["a", "b/c d"],
    "a, b\r\nc": ["a, b", "c"],
    "branches": "branches",
    "command: ls ~/bots": {"command": "ls ~/bots"},
}


@pytest.mark.parametrize("text", TARGETS)
def test_the_targets_of_a_job_are_written_as_they_are_meant(world, browser, text):
    world.configure(HEAD + SCRIPT)

    page = browser.get("/jobs/job/edit").text
    assert browser.post("/jobs/job/edit", data=sent(page, for_each=text)).status_code == 303

    assert tomllib.loads(world.config.read_text())["jobs"]["job"]["for_each"] == TARGETS[text]
    page = browser.get("/jobs/job/edit").text
    browser.post("/jobs/job/edit", data=sent(page, for_each=""))
    assert "for_each" not in tomllib.loads(world.config.read_text())["jobs"]["job"]


INVALID = {
    "retry": "command = 'true'\nretry = 3\n",
    "after": "command = 'true'\nafter = 5\n",
    "not_between": "command = 'true'\nnot_between = [1]\n",
    "chain": 'chain = [[["a"]]]\n',
    "command": "command = 5\n",
    "priority": "command = 'true'\npriority = 'hig'\n",
    "env": "command = 'true'\nenv = 5\n",
}


@pytest.mark.parametrize("key", INVALID)
def test_a_wrong_value_is_shown_with_its_error_and_can_be_corrected(world, browser, key):
    world.configure(HEAD + INVALID[key])
    before = world.config.read_bytes()

    page = browser.get("/jobs/job/edit")
    browser.post("/jobs/job/edit", data=sent(page.text))

    assert page.status_code == 200
    assert 'role="alert"' in page.text and f"jobs.job: {key}" in page.text
    assert world.config.read_bytes() == before


def test_a_corrected_value_is_written(world, browser):
    world.configure(HEAD + INVALID["retry"])

    answer = browser.post("/jobs/job/edit", data=sent(browser.get("/jobs/job/edit").text, max_attempts="2"))

    assert answer.status_code == 303
    assert tomllib.loads(world.config.read_text())["jobs"]["job"]["retry"] == {"max_attempts": 2}


def test_a_job_that_is_no_table_is_refused_with_the_reason(world, browser):
    world.configure(HEAD.replace("[jobs.job]\n", "[jobs]\njob = 5\n"))

    answer = browser.get("/jobs/job/edit")

    assert (answer.status_code, "must be a table" in answer.text) == (422, True)


@pytest.mark.parametrize("path", ["/new", "/jobs/job/edit"])
def test_no_form_is_shown_if_the_configuration_cannot_be_read(world, browser, path):
    world.configure(HEAD + "[torn\n")

    answer = browser.get(path)

    assert (answer.status_code, answer.text.count(f"{world.config}: Expected")) == (200, 1)
    assert "The configuration cannot be read" in answer.text and 'method="post"' not in answer.text
