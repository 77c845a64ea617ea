"""``python -m clawgroups.runner``."""

from clawgroups.runner.main import main

main()
