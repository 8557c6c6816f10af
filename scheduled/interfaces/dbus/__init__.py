"""The D-Bus interface on the session bus. Needs the extra `dbus` (dbus-fast, jeepney)."""
