"""What an operator touches: configuration, command line, daemon, demonstration, reports."""
