"""Templates that people saved, above the form that makes a group."""
