"""Of the package and of the node pack."""

VERSION = "0.2.0"
