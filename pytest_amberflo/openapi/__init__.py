"""OpenAPI descriptions: their operations, and messages checked against them."""
