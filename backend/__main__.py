"""``python -m backend``."""

from backend.cli.app import main

if __name__ == "__main__":
    main()
