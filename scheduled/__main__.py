"""The entry: the idle check, then the command line.

The crontab runs this file as `python -I -S FILE run`: without site-packages an idle tick costs less than
starting Python, and only a tick with something to do pays for the rest.
"""

import sys


def _package_directory() -> str:
    return __file__.rpartition("/")[0].rpartition("/")[0]


def _bring_in_site_packages() -> None:
    """After `-S`: set up the installation's paths, those of a virtual environment included."""
    import site

    here = _package_directory()
    sys.path.remove(here)
    site.main()
    if here not in sys.path:
        sys.path.append(here)


def main() -> int:
    """Run the command line in sys.argv and return the exit code."""
    if __package__ in (None, "") and _package_directory() not in sys.path:
        sys.path.insert(0, _package_directory())
    from scheduled.idle import is_idle

    if is_idle(sys.argv[1:]):
        return 0
    if sys.flags.no_site:
        _bring_in_site_packages()
    from scheduled.cli import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
