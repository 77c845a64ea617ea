"""Makes ``python -m clawgroups`` the same as the command ``clawgroups``."""

from clawgroups.cli import main

if __name__ == "__main__":
    main()
