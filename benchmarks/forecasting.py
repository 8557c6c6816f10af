"""A script: print the runs of a day of the cron expressions in a file, in order, as a user of croniter would."""

import sys
from datetime import datetime, timedelta
from pathlib import Path

from croniter import croniter

if __name__ == "__main__":
    first = datetime.fromisoformat(sys.argv[2])
    end = first + timedelta(days=1)
    found = []
    for number, expression in enumerate(Path(sys.argv[1]).read_text().splitlines()):
        times = croniter(expression, first - timedelta(seconds=1))
        while (at := times.get_next(datetime)) < end:
            found.append((at, f"j{number}"))
    print("\n".join(f"{at.isoformat()}  {job}" for at, job in sorted(found)))
