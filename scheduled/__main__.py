"""The entry: the idle check, then the command line.

The crontab runs this file as `python -I -S FILE run`: without site-packages an idle tick costs less than
starting Python, and only a tick with something to do pays for the rest.
"""

import posix
import sys


def _package_directory() -> str:
    return __file__.rpartition("/")[0].rpartition("/")[0]


def _is_of_another_python() -> bool:
    """Return whether this copy lies in the site-packages of another Python than this one.

    An upgrade of the system gives a virtual environment another Python; its packages stay where they were.
    """
    place, _, kind = _package_directory().rpartition("/")
    made_for = place.rpartition("/")[2].removeprefix("python3.")
    if kind not in ("site-packages", "dist-packages") or not made_for.removesuffix("t").isdecimal():
        return False
    return made_for != f"{sys.version_info.minor}{sys.abiflags.replace('d', '')}"


def _bring_in_site_packages() -> None:
    """After `-S`: set up the installation's paths, those of a virtual environment included."""
    import site

    here = _package_directory()
    sys.path.remove(here)
    site.main()
    if here not in sys.path:
        sys.path.append(here)


def _answer() -> int:
    """Run the command line in sys.argv and return the exit code."""
    if __package__ in (None, "") and _package_directory() not in sys.path:
        sys.path.insert(0, _package_directory())
    if _is_of_another_python():
        from scheduled import installation

        return installation.refuse_python()
    from scheduled import idle

    words = sys.argv[1:]
    if idle.is_idle(words):
        return 0
    if sys.flags.no_site:
        _bring_in_site_packages()
    import gc

    # What is imported stays: looking it over time and again takes a tenth of a tick.
    gc.set_threshold(100_000)
    if plain := idle.paths(words):
        from scheduled.cli import crontab_line

        return crontab_line.run(*plain)
    from scheduled.cli.main import main as command_line

    return command_line()


def main() -> None:
    """Run the command line in sys.argv and end this process with its exit code.

    At once: to take the interpreter down piece by piece takes longer than what a tick does.
    """
    try:
        code = _answer()
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
            code = code or 1  # whoever read it is gone, or the disk is full
    posix._exit(code)  # noqa: SLF001 - its public name is in `os`, which an idle tick does not import


if __name__ == "__main__":
    main()
