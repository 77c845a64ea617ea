"""The backend's command line: ``python -m backend COMMAND``."""
