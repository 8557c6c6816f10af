"""The entry point: the idle check, then the command line.

The crontab runs this file as `python -I -S FILE run`. Without site-packages an idle tick takes less time than a normal
start of Python. Only a tick that has something to do imports the rest.
"""

import posix
import sys


def _package_directory() -> str:
    return __file__.rpartition("/")[0].rpartition("/")[0]


def _is_of_another_python() -> bool:
    """Return whether this copy is in the site-packages of another Python version than the running one.

    A system upgrade replaces the Python of a virtual environment, but its packages stay in the old directory.
    """
    parent, _, kind = _package_directory().rpartition("/")
    made_for = parent.rpartition("/")[2].removeprefix("python3.")
    if kind not in ("site-packages", "dist-packages") or not made_for.removesuffix("t").isdecimal():
        return False
    return made_for != f"{sys.version_info.minor}{sys.abiflags.replace('d', '')}"


def _add_site_packages() -> None:
    """Add the site-packages, including those of a virtual environment, to `sys.path`, which `-S` left out."""
    import site

    here = _package_directory()
    sys.path.remove(here)
    site.main()
    if here not in sys.path:
        sys.path.append(here)


def _run() -> int:
    """Run the command line in `sys.argv` and return the exit code."""
    if __package__ in (None, "") and _package_directory() not in sys.path:
        sys.path.insert(0, _package_directory())
    if _is_of_another_python():
        from scheduled import installation

        return installation.refuse_python()
    from scheduled import idle

    words = sys.argv[1:]
    if idle.is_idle(words):
        return 0
    if "--brief" in words:
        from scheduled import brief

        if (code := brief.run(words)) is not None:
            return code
    if sys.flags.no_site:
        _add_site_packages()
    import gc

    # Imported modules are never freed. With the default threshold, collections take a tenth of the time of a tick.
    gc.set_threshold(100_000)
    if paths := idle.paths(words):
        from scheduled.cli import crontab_line

        return crontab_line.run(*paths)
    from scheduled.cli.main import main as command_line

    return command_line()


def main() -> None:
    """Run the command line in `sys.argv` and exit with its exit code.

    `_exit` skips the finalization of the interpreter, which takes longer than a tick.
    """
    try:
        code = _run()
    except ModuleNotFoundError as error:
        from scheduled import installation

        if error.name not in installation.NEEDED:
            raise
        code = installation.refuse_without(error.name)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            code = code or 1  # the reader of a pipe has exited, or the disk is full
    posix._exit(code)  # noqa: SLF001 - the public name is in `os`, which an idle tick does not import


if __name__ == "__main__":
    main()
