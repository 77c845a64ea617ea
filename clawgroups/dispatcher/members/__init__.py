"""Who can do work here, with their keys, their load and what their last test said."""
