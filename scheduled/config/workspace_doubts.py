"""Warnings about a workspace that notices cannot reach: addresses that no branch has, and a form that is not clear."""

import os
from collections.abc import Iterator

from scheduled.actions.registry import handler_of
from scheduled.config.config import Config
from scheduled.config.recipients import recipients
from scheduled.handlers.workspace.workspace import Branch, Workspace, WorkspaceError

# The built-in handlers that send notices to each address.
USERS = {
    "assistant": ("health",),
    "reports_to": ("daily_report",),
    "critical_to": ("mail_cleanup", "memory_rollover"),
}


NO_WORKSPACE = (
    'there are no branches, because no workspace is configured; set `workspace = "/path"` in scheduled.toml'
)


def workspace_doubts(config: Config) -> Iterator[str]:
    """Yield the warnings about the workspace of *config*, if a job has a built-in handler or branches as targets.

    It reads the registries.
    """
    by_branch = [job for job in config.jobs.values() if job.for_each is not None and job.for_each.branches]
    if config.workspace is None:
        yield from (f"{job.source}: jobs.{job.name}: for_each: {NO_WORKSPACE}" for job in by_branch)
        return
    used = {handler_of(job.action) for job in config.jobs.values()}
    if not by_branch and used.isdisjoint(name for names in USERS.values() for name in names):
        return
    try:
        workspace = Workspace.load(config.workspace, layout=config.workspace_layout)
    except WorkspaceError as error:
        yield f"{config.path}: workspace: {error}"
        return
    yield from (f"{config.path}: workspace: {problem}" for problem in workspace.problems)
    yield from _unreachable_addresses(config, workspace, used)


def has_mailbox(branch: Branch) -> bool:
    """Return whether mail can be delivered to *branch*: it has an inbox, or the first mail makes one."""
    return os.path.exists(branch.inbox) or (branch.form.provisions and os.path.isdir(branch.path))


def _unreachable_addresses(config: Config, workspace: Workspace, used: set[str]) -> Iterator[str]:
    found = recipients(config)
    for key, handlers in USERS.items():
        address = getattr(found, key)
        senders = [handler for handler in handlers if handler in used]
        branch = workspace.branch_at(address)
        if senders and branch is not None and not has_mailbox(branch):
            yield (
                f"{config.path}: notify.{key}: the branch of {address} has no mailbox ({branch.inbox}), so the notices of "
                f"{' and '.join(senders)} wait; create it, or write the address of another branch"
            )
        if senders and branch is None:
            given = "" if getattr(config.notify, key) else ", the default"
            yield (
                f"{config.path}: notify.{key}: no branch has the address {address}{given}, so the notices of "
                f"{' and '.join(senders)} are dropped; write the address of a branch"
            )
