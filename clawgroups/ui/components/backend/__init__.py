"""The backend's page: how the bundled model server does, and for admins which one it is."""
