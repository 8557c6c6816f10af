"""The first form of workspace: one registry, memory files in the directories of the branches, limits in lines."""

from scheduled.core.conditions import Recipients
from scheduled.handlers.formats.form import MEMORY_KINDS, Form, Limits

FIRST = Form(
    name="first",
    registries=("BRANCH_REGISTRY.json",),
    main="BRANCH_REGISTRY.json",
    mailbox="ai_mail.local",
    memory="{branch}.{kind}",
    central="aipass_os/AI_CENTRAL",
    mail_file="{time}_{subject}_{id}.json",
    # The mail program keeps the ten newest closed mails in `deleted/` and moves the others to the archive.
    archives=("deleted", ".archive/deleted"),
    flow="aipass_core/flow",
    plans={"flow_registry.json": "FPLAN"},
    limits=dict.fromkeys(MEMORY_KINDS, Limits(lines=600)),
    recipients=Recipients(assistant="@assistant", reports_to="@dev_central", critical_to="@dev_central"),
)
