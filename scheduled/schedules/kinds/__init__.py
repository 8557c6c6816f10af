"""The kinds of schedules.

To add a kind, write a module that satisfies `ScheduleKind` and add it to `registry.KINDS`.
"""
