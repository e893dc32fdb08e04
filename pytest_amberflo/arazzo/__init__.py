"""The Arazzo engine: documents read and checked, workflows run, without pytest or a transport."""
