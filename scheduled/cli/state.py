"""The commands about the state directory: backups, and the configuration that it belongs to."""

from pathlib import Path

import click

from scheduled.cli.options import as_json, dry_run, subcommand
from scheduled.cli.reply import show
from scheduled.errors import EXIT_FAILED, EXIT_OK
from scheduled.instance import Instance


@click.group()
def state() -> None:
    """Back up, verify and restore the state and the configuration; move the state to another configuration."""


@state.command()
@click.argument("file", type=click.Path(path_type=Path))
@dry_run
@as_json
@subcommand
def backup(instance: Instance, file: Path, dry_run: bool, as_json: bool) -> None:
    """Back up the state and the configuration to FILE.

    The archive (tar.gz, mode 0600) is consistent even if jobs run at the same time.
    """
    from scheduled import service

    done = service.backup(instance, file, dry_run=dry_run)
    show(done, "backed_up", as_json=as_json, module="render_changes")


@state.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--with-config",
    is_flag=True,
    help="Also restore scheduled.toml and jobs.d, as they were: later files are removed from jobs.d.",
)
@dry_run
@as_json
@subcommand
def restore(instance: Instance, file: Path, with_config: bool, dry_run: bool, as_json: bool) -> None:
    """Restore the state from FILE, after a check of all of it. Slots since the backup count as missed.

    The current state, and with --with-config the current configuration, are kept in the backups directory.
    """
    from scheduled import service

    done = service.restore(instance, file, with_config=with_config, dry_run=dry_run)
    show(done, "restored", as_json=as_json, module="render_changes")


@state.command()
@click.argument("file", type=click.Path(path_type=Path))
@as_json
@subcommand
def verify(instance: Instance, file: Path, as_json: bool) -> int:  # noqa: ARG001 - as every command
    """Check that the backup FILE is whole: the archive, the ledger, the snapshot and the configuration.

    Nothing is changed. Exit with 1 if there is a problem, with 2 if FILE is not a backup.
    """
    from scheduled import service

    document = service.verify_backup(file)
    show(document, "verified", as_json=as_json, module="render_changes")
    return EXIT_OK if document["ok"] else EXIT_FAILED


@state.command()
@dry_run
@as_json
@subcommand
def adopt(instance: Instance, dry_run: bool, as_json: bool) -> None:
    """Let this configuration have the state directory. The configuration that had it is refused from then on.

    Jobs of the same name keep their positions. A configuration that was only moved needs no adoption.
    """
    from scheduled import service

    done = service.adopt_state(instance, dry_run=dry_run)
    show(done, "adopted", as_json=as_json, module="render_changes")
