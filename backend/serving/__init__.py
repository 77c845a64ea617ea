"""Puts one supervised engine and its control together: what ``backend serve`` runs."""
