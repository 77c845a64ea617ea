"""The settings page's two parts."""
