"""Find out how this copy of the program was installed, and how the user can reinstall it or add an extra.

Only the standard library is imported: the other libraries may be missing.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scheduled.errors import EXIT_FAILED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# The name of the distribution. On the package index, `scheduled` is another program.
NAME = "scheduled-cron"
# The required packages, by import name.
NEEDED = frozenset(
    {"click", "cronsim", "crontab", "filelock", "jinja2", "markupsafe", "msgspec", "rich", "tomlkit"}
)
# Each extra, and the libraries of it that must be importable, by import name.
LIBRARIES = {
    "web": ("starlette", "uvicorn"),
    "mcp": ("mcp",),
    "dbus": ("dbus_fast",),
    "notify": ("apprise", "jeepney"),
}
# The records that install.sh, pipx and uv write into the environments that they create.
ORIGIN = "installed-by"  # the command line of install.sh
PIPX_RECORD = "pipx_metadata.json"
UV_RECORD = "uv-receipt.toml"


def again(package: Path) -> str:
    """Return how to reinstall the copy in the directory *package*, in the way it was installed.

    The path of the program in the crontab contains the version of Python, so the crontab block must be rewritten, too.
    install.sh does so itself.
    """
    environment = _environment(package)
    if _is_pipx(environment):
        return f"run `pipx reinstall {environment.name}`, then `scheduled install`"
    if _is_uv(environment):
        return f"run `uv tool upgrade --reinstall {environment.name}`, then `scheduled install`"
    if command := _recorded(environment):
        return f"run {command}"
    return "reinstall it in the way you installed it, then run `scheduled install`"


def command_for(extra: str) -> str:
    """Return the shell command that adds *extra* to the running copy, with the extras that it has."""
    from importlib.util import find_spec

    present = {name for name, libraries in LIBRARIES.items() if all(map(find_spec, libraries))}
    return with_extra(Path(__file__).parent, extra, present=present - {extra})


def with_extra(package: Path, extra: str, *, present: "Collection[str]" = ()) -> str:
    """Return the shell command that adds *extra* to the copy in the directory *package*, in the way it was installed.

    The command keeps the extras that are *present* and the other packages of the environment. If the files that the
    copy was installed from no longer exist, a remark follows the command.
    """
    import shlex

    environment = _environment(package)
    extras = sorted({extra, *present})
    if command := _recorded(environment):
        return shlex.join(_install_sh(shlex.split(command), extras))
    if _is_pipx(environment):
        words = [*_pipx(environment), *_requirement(package, extras)]
    elif _is_uv(environment):
        words = [*_uv(environment), *_requirement(package, extras)]
    else:
        words = [*_pip(package), *_requirement(package, [extra])]
    return shlex.join(words) + _remark(package)


def _environment(package: Path) -> Path:
    """Return the directory of the environment that contains *package*, or that runs it from a checkout."""
    if package.parent.name in {"site-packages", "dist-packages"}:
        return package.parents[3]
    return Path(sys.prefix)


def _is_pipx(environment: Path) -> bool:
    return environment.parent.parts[-2:] == ("pipx", "venvs") or (environment / PIPX_RECORD).exists()


def _is_uv(environment: Path) -> bool:
    return environment.parent.parts[-2:] == ("uv", "tools") or (environment / UV_RECORD).exists()


def _recorded(environment: Path) -> str | None:
    try:
        return (environment / ORIGIN).read_text().rstrip("\n")
    except OSError:
        return None


def _install_sh(command: list[str], extras: list[str]) -> list[str]:
    """Return *command*, a command line of install.sh, with these *extras* instead of those that it names."""
    if "--with" in command:
        index = command.index("--with")
        command = command[:index] + command[index + 2 :]
    return [*command, "--with", ",".join(extras)]


def _pipx(environment: Path) -> list[str]:
    """Return the arguments of `pipx install` for this *environment*.

    `pipx inject` can't be used: version 1.1 records the program as a package injected into itself.
    """
    main = _json(environment / PIPX_RECORD).get("main_package", {})
    words = ["pipx", "install", "--force"]
    if suffix := main.get("suffix"):
        words.append(f"--suffix={suffix}")
    if arguments := [word for word in main.get("pip_args", []) if word not in {"-e", "--editable"}]:
        import shlex

        words.append(f"--pip-args={shlex.join(arguments)}")
    return words


def _uv(environment: Path) -> list[str]:
    """Return the arguments of `uv tool install` for this *environment*, with all its packages: uv removes all others."""
    import tomllib

    try:
        tool = tomllib.loads((environment / UV_RECORD).read_text())["tool"]
    except FileNotFoundError:
        tool = {}
    words = ["uv", "tool", "install", "--force"]
    if python := tool.get("python"):
        words += ["--python", python]
    for other in tool.get("requirements", []):
        if other["name"] != NAME:
            words += _uv_with(other)
    return words


def _uv_with(requirement: dict[str, Any]) -> list[str]:
    """Return the option for a *requirement*, from uv's receipt, that was installed with the program."""
    extras = f"[{','.join(requirement['extras'])}]" if requirement.get("extras") else ""
    named = requirement["name"] + extras
    if path := requirement.get("editable"):
        return ["--with-editable", path + extras]
    if path := requirement.get("directory") or requirement.get("path"):
        return ["--with", path + extras]
    if url := requirement.get("url"):
        return ["--with", f"{named} @ {url}"]
    if git := requirement.get("git"):
        return ["--with", f"{named} @ git+{_git_address(git)}"]
    return ["--with", named + requirement.get("specifier", "")]


def _git_address(recorded: str) -> str:
    """Return an address in uv's form, ADDRESS?rev=NAME, in pip's form, ADDRESS@NAME."""
    from urllib.parse import parse_qs

    address, _, query = recorded.partition("?")
    options = parse_qs(query)
    for key in ("rev", "tag", "branch"):
        address += "".join(f"@{name}" for name in options.get(key, []))
    return address + "".join(f"#subdirectory={name}" for name in options.get("subdirectory", []))


def _pip(package: Path) -> list[str]:
    """Return the arguments of `pip install` for the running Python."""
    import site
    from importlib.util import find_spec

    if find_spec("pip") is None:  # as in an environment created by uv
        return ["uv", "pip", "install", "--python", sys.executable]
    words = [sys.executable, "-m", "pip", "install"]
    return [*words, "--user"] if package.parent == Path(site.getusersitepackages()) else words


def _requirement(package: Path, extras: list[str]) -> list[str]:
    """Return the requirement, for pip, pipx and uv, that installs *package* from its origin with these *extras*."""
    wanted = f"[{','.join(extras)}]"
    if _is_checkout(package.parent):
        return ["--editable", f"{package.parent}{wanted}"]
    if path := _local_origin(package):
        return [f"{path}{wanted}"]
    source = _direct_url(package)
    return [f"{NAME}{wanted}{''.join(_address(source))}"]


def _is_checkout(directory: Path) -> bool:
    return (directory / "pyproject.toml").is_file()


def _address(source: dict[str, Any]) -> "Iterator[str]":
    """Yield the parts of ` @ ADDRESS` for the content of a direct_url.json; nothing for {}, the package index."""
    if not source:
        return
    vcs = source.get("vcs_info", {})
    yield f" @ {vcs['vcs']}+{source['url']}" if vcs else f" @ {source['url']}"
    if revision := vcs.get("requested_revision"):
        yield f"@{revision}"
    if directory := source.get("subdirectory"):
        yield f"#subdirectory={directory}"


def _local_origin(package: Path) -> str | None:
    """Return the local file or directory that *package* was installed from; None for another origin."""
    from urllib.parse import unquote, urlsplit

    source = _direct_url(package)
    url = urlsplit(source.get("url", ""))
    return unquote(url.path) if url.scheme == "file" and "vcs_info" not in source else None


def _remark(package: Path) -> str:
    path = _local_origin(package)
    return "" if path is None or os.path.exists(path) else f" (first restore {path}, which no longer exists)"


def _direct_url(package: Path) -> dict[str, Any]:
    """Return the installer's record of an origin other than a package index (PEP 610); {} if there is none."""
    for path in package.parent.glob(f"{NAME.replace('-', '_')}-*.dist-info/direct_url.json"):
        return _json(path)
    return {}


def _json(path: Path) -> dict[str, Any]:
    """Return the JSON object in the file *path*; {} if there is no such file."""
    import json

    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return document


def refuse_python() -> int:
    """Print that this copy was installed for another Python, and how to reinstall it; return the exit code."""
    made_for = Path(__file__).parents[2].name.removeprefix("python")
    found = ".".join(map(str, sys.version_info[:2])) + sys.abiflags
    return _refuse(
        f"was installed for Python {made_for}, but this is Python {found} (was the system upgraded?)"
    )


def refuse_without(library: str | None) -> int:
    """Print that a required *library* is missing, and how to reinstall this copy; return the exit code."""
    return _refuse(f"the required library {library} is missing")


def _refuse(reason: str) -> int:
    line = f"scheduled: {reason}; {again(Path(__file__).parent)}\n"
    os.write(2, line.encode(errors="backslashreplace"))
    return EXIT_FAILED
