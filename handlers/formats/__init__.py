"""The files of the workspace's programs, read and written as those do."""
