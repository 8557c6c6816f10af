"""The later form of workspace: registries of several projects, dot directories, limits in entries and characters."""

from scheduled.core.conditions import Recipients
from scheduled.handlers.formats.form import AUTO_COMPACT, LOCAL, OBSERVATIONS, Form, Limits

KEEPER = "@devpulse"

LATER = Form(
    name="later",
    registries=("*_REGISTRY.json",),
    main="AIPASS_REGISTRY.json",
    # The registry of the first form, and that of branches to which no mail is delivered.
    excluded=("BRANCH_REGISTRY.json", "PRIVATE_BRANCH_REGISTRY.json"),
    skips_hidden=True,
    projects="projects/*/*_REGISTRY.json",
    mailbox=".ai_mail.local",
    provisions=True,
    memories=".trinity",
    memory="{kind}",
    central=".ai_central",
    mail_file="{time}_{id}_{subject}.json",
    # The mail program hands old closed mails to the memory program and deletes them, without an archive.
    archives=("deleted",),
    sent_id=True,
    flow="src/aipass/flow",
    plans={"*plan_registry.json": ""},
    keeper_of_limits="src/aipass/memory",
    memory_config="memory_json/custom_config/memory.config.json",
    # The defaults of the memory program.
    limits={
        LOCAL: Limits(
            chars=25_000, entries={"sessions": 15, AUTO_COMPACT: 3, "key_learnings": 15, "todos": 10}
        ),
        OBSERVATIONS: Limits(chars=15_000, entries={"observations": 15}),
    },
    recipients=Recipients(assistant=KEEPER, reports_to=KEEPER, critical_to=KEEPER),
)
