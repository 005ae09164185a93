#!/bin/sh
# need.sh COMMAND PACKAGE...: if COMMAND is missing, install it with these
# packages where that is possible (root on Debian or Ubuntu), else say so in
# one line. With CI=true what is missing is a failure.
command=$1
shift
command -v "$command" >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 ||
		{ apt-get update -q && apt-get install -y -q --no-install-recommends "$@"; } >/dev/null 2>&1
fi
command -v "$command" >/dev/null && exit 0
echo "$command is missing (packages: $*); what needs it is left out"
[ "${CI:-}" != true ]
