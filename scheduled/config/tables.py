"""The tables of the configuration files as structs: their keys with types and defaults."""

from typing import Any, Literal

import msgspec

from scheduled.core.conditions import FOOTER_COMMAND
from scheduled.core.jobs import SHELL, CatchUp, MailOutput, Overlap, Priority

MAX_EVENT_RUNS = 1000  # of one tick, by default


class RetryTable(msgspec.Struct, forbid_unknown_fields=True):
    """[jobs.NAME.retry]; the keys that end in `_seconds` are spellings of other schedulers."""

    max_attempts: int = 1
    delay: int | str | None = None
    delay_seconds: int | None = None
    initial_delay_seconds: int | None = None
    backoff: Literal["exponential", "linear"] | None = None
    backoff_multiplier: float | None = None
    max_delay: int | str | None = None
    max_delay_seconds: int | None = None
    jitter: int | str = 0
    retry_on: list[int | str] | None = None


class GateTable(msgspec.Struct, forbid_unknown_fields=True):
    """`only_if` of [jobs.NAME]: the conditions of a gate."""

    command: str | None = None
    network: bool | str | None = None
    ac_power: bool | None = None
    idle: bool | None = None
    path: str | None = None
    otherwise: Literal["wait", "skip"] = msgspec.field(default="wait", name="else")


class LimitsTable(msgspec.Struct, forbid_unknown_fields=True):
    """[jobs.NAME.limits]: sizes such as "512M", durations such as "60s", and counts."""

    memory: int | str | None = None
    cpu: int | str | None = None
    file_size: int | str | None = None
    open_files: int | None = None
    processes: int | None = None


class FailsIfTable(msgspec.Struct, forbid_unknown_fields=True):
    """`fails_if` of [jobs.NAME]: what makes a run fail in spite of its exit code."""

    stderr: bool = False
    output: str | None = None


class ExpectTable(msgspec.Struct, forbid_unknown_fields=True):
    """`expect` of [jobs.NAME]: what a success has to show, and until when there must be one."""

    by: str | None = None
    within: int | str | None = None
    duration: int | str | None = None
    output: str | None = None
    fresh: str | None = None
    command: str | list[str] | None = None


class StdinTable(msgspec.Struct, forbid_unknown_fields=True):
    """`stdin` of [jobs.NAME] as a table: the file that the job reads."""

    file: str


class ApproveTable(msgspec.Struct, forbid_unknown_fields=True):
    """`approve` of [jobs.NAME] as a table: until when a person has to answer, and what happens otherwise."""

    by: int | str | None = None
    default: Literal["deny", "approve"] = "deny"


class DefaultsTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[defaults]: the keys of a job table that do not depend on its schedule or action."""

    timezone: str | None = None
    enabled: bool = True
    priority: Priority = "medium"
    catch_up: CatchUp = "latest"
    catch_up_limit: int = 100
    overlap: Overlap = "wait"
    grace: int | str | None = None
    retry: RetryTable | bool = msgspec.field(default_factory=RetryTable)
    on_interrupted: str = "rerun"
    not_between: list[str] | None = None
    only_if: GateTable | None = None
    gate_deadline: int | str | None = None
    success_codes: list[int] = msgspec.field(default_factory=lambda: [0])
    fails_if: FailsIfTable | None = None
    shell: str = SHELL
    jitter: int | str = 0
    start_delay: int | str = 0
    timeout: int | str = "5m"
    kill_after: int | str = "10s"
    group: str | None = None
    cwd: str | None = None
    env: dict[str, str | int | float | bool] = {}
    env_file: str | None = None
    secrets: dict[str, str] = {}
    umask: int | str | None = None
    nice: int | None = None
    ionice: str | int | None = None
    inhibit_sleep: bool = False
    wake: bool = False
    limits: LimitsTable = msgspec.field(default_factory=LimitsTable)
    output_limit: int | str = "1M"
    mail_output: MailOutput = "on_failure"
    notify: list[str] | None = None
    expect: ExpectTable | None = None
    approve: bool | ApproveTable = False
    heartbeat_url: str | None = None


class ForEachTable(msgspec.Struct, forbid_unknown_fields=True):
    """`for_each` of [jobs.NAME] as a table: a command that prints a target on each line."""

    command: str


class JobTable(DefaultsTable, forbid_unknown_fields=True, kw_only=True):
    """[jobs.NAME], without the keys of schedules (`schedules.kinds`) and actions (`job_table` adds these)."""

    description: str = ""
    labels: dict[str, str] = {}
    for_each: str | list[str] | ForEachTable | None = None
    on: str | None = None
    where: dict[str, str | int | float | bool] = {}
    after: list[str] = []
    on_failure: Literal["stop", "continue"] = "stop"
    options: dict[str, Any] = {}
    stdin: str | StdinTable | None = None
    pre: str | list[str] | None = None
    post: str | list[str] | None = None


class ChannelTable(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A channel of [notify.channels] as a table: where it leads, and how long one notice may take."""

    url: str | None = None
    command: str | list[str] | None = None
    path: str | None = None
    timeout: int | str = "20s"


class RouteTable(msgspec.Struct, forbid_unknown_fields=True):
    """[[notify.routes]]: who gets the notices about incidents and events."""

    name: str = ""
    on: list[str] = msgspec.field(default_factory=lambda: ["incident"])
    priority: Literal["low", "normal", "high", "critical"] = "low"
    jobs: list[str] = []
    to: list[str] = []


class NotifyTable(msgspec.Struct, forbid_unknown_fields=True):
    """[notify]: the sender of the mails that `scheduled` sends, their recipients, and the command that they name.

    The default of the recipients depends on the form of the workspace (`Form.recipients`). *channels* and *routes* lead
    notices to people, *subject* and *body* are the templates of their texts.
    *heartbeat_url* is the monitor of the ticks, *deadman* a file that each of them touches.
    """

    sender: str = "@trigger"
    assistant: str | None = None
    reports_to: str | None = None
    critical_to: str | None = None
    footer_command: str = FOOTER_COMMAND
    remind_every: int | str = "1d"
    quiet: list[str] | None = None
    digest: str | None = None
    channels: dict[str, str | list[str] | ChannelTable] = {}
    routes: list[RouteTable] = []
    subject: str | None = None
    body: str | None = None
    heartbeat_url: str | None = None
    deadman: str | None = None


class CatchUpTable(msgspec.Struct, forbid_unknown_fields=True):
    """[catch_up]: the most that one tick may do. Slots and events beyond it stay open for the next tick."""

    max_runs: int | None = None
    max_event_runs: int = MAX_EVENT_RUNS
    max_minutes: int | None = None
    max_sessions: int | None = None


class HistoryTable(msgspec.Struct, forbid_unknown_fields=True):
    """[history]: how long ended runs are kept, in days, and how many of each job."""

    keep_days: int = 90
    keep_runs: int = 1000


class McpTable(msgspec.Struct, forbid_unknown_fields=True):
    """[mcp]: what MCP clients may do besides reading, and whether they may write what a job executes."""

    allow: list[Literal["run", "override", "add"]] = []
    add_commands: bool = False


class DbusTable(msgspec.Struct, forbid_unknown_fields=True):
    """[dbus]: whether D-Bus clients may write what a job executes."""

    add_commands: bool = False


class WebTable(msgspec.Struct, forbid_unknown_fields=True):
    """[web]: whether web clients may write what a job executes; additional host names that requests may use.

    *external_url* is the address under which people open the pages, for the links in notices.
    """

    allow_edit: bool = False
    hosts: list[str] = []
    external_url: str | None = None


class CompatTable(msgspec.Struct, forbid_unknown_fields=True):
    """[compat]: the objects of the workspace's programs that events and notices are passed to, and how to call them."""

    trigger: str | None = None
    send: str | None = None
    python: str | None = None
    timeout: int | str = "30s"


class WakeTable(msgspec.Struct, forbid_unknown_fields=True):
    """[wake]: the command that sets the alarm of the real-time clock, such as `sudo -n rtcwake`."""

    command: str = ""


class MetricsTable(msgspec.Struct, forbid_unknown_fields=True):
    """[metrics]: the file for node_exporter, labels of all metrics, and how many jobs have metrics of their own."""

    textfile: str | None = None
    labels: dict[str, str] | None = None
    max_jobs: int = 1000


class LogTable(msgspec.Struct, forbid_unknown_fields=True):
    """[log]: the form of the lines of scheduled.log, and whether they are also sent to the journal of systemd."""

    format: Literal["text", "json"] = "text"
    journald: bool = False


class InterfacesTable(msgspec.Struct, forbid_unknown_fields=True):
    """[mcp], [dbus] and [web]: the permissions of the interfaces other than the command line."""

    mcp: McpTable = msgspec.field(default_factory=McpTable)
    dbus: DbusTable = msgspec.field(default_factory=DbusTable)
    web: WebTable = msgspec.field(default_factory=WebTable)


class SettingsTable(msgspec.Struct, forbid_unknown_fields=True):
    """scheduled.toml: the settings, and the tables of jobs and defaults before they are parsed."""

    timezone: str | None = None
    workspace: str | None = None
    workspace_layout: Literal["first", "later"] | None = None
    max_parallel: int = 2
    defaults: dict[str, Any] = {}
    notify: NotifyTable = msgspec.field(default_factory=NotifyTable)
    catch_up: CatchUpTable = msgspec.field(default_factory=CatchUpTable)
    history: HistoryTable = msgspec.field(default_factory=HistoryTable)
    mcp: McpTable = msgspec.field(default_factory=McpTable)
    dbus: DbusTable = msgspec.field(default_factory=DbusTable)
    web: WebTable = msgspec.field(default_factory=WebTable)
    compat: CompatTable = msgspec.field(default_factory=CompatTable)
    wake: WakeTable = msgspec.field(default_factory=WakeTable)
    metrics: MetricsTable = msgspec.field(default_factory=MetricsTable)
    log: LogTable = msgspec.field(default_factory=LogTable)
    jobs: dict[str, Any] = {}
