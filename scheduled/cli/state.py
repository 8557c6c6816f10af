"""The commands about the state directory: backups, and the configuration that it belongs to."""

from pathlib import Path

import click

from scheduled.cli.options import as_json, dry_run, subcommand
from scheduled.cli.reply import show
from scheduled.instance import Instance


@click.group()
def state() -> None:
    """Back up and restore the state and the configuration, and move the state to another configuration."""


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
@click.option("--with-config", is_flag=True, help="Also restore scheduled.toml and jobs.d.")
@dry_run
@as_json
@subcommand
def restore(instance: Instance, file: Path, with_config: bool, dry_run: bool, as_json: bool) -> None:
    """Restore the state from FILE. Slots since the backup count as missed.

    The current state is moved to the backups directory.
    """
    from scheduled import service

    done = service.restore(instance, file, with_config=with_config, dry_run=dry_run)
    show(done, "restored", as_json=as_json, module="render_changes")


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
