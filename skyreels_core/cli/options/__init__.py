"""The options of the command line, by command and by what they are about."""
