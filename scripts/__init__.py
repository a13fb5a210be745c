"""What people run by hand, from the repository root: `python scripts/<name>.py --help`."""
