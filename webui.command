#!/bin/sh
# For a double-click in the Finder, which runs .command files in a terminal.
exec "$(dirname "$0")/webui.sh" "$@"
