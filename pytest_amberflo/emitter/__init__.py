"""Tests of senders: what a service under test meters, heard at the server that it sends to."""
