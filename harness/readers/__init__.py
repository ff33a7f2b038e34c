"""Readers: each turns one benchmark's files, as downloaded, into samples."""
