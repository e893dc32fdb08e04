"""Makes pytester available to the tests."""

pytest_plugins = "pytester"
