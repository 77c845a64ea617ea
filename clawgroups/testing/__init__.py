"""Real things to test against, shipped so that users can test their own members: servers, never mocks."""
