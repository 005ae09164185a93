#!/bin/sh
# need.sh COMMAND PACKAGE...: if COMMAND is missing, install it with these
# packages where that is possible (root on Debian or Ubuntu), else say so, and
# why: all that apt has printed. With CI=true what is missing is a failure.
command=$1
shift
command -v "$command" >/dev/null && exit 0

# Another apt may be at work: its locks are waited for, ten minutes at most.
apt() {
	said=$(apt-get -o DPkg::Lock::Timeout=600 "$@" 2>&1)
}

said="not root, or no apt-get"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	apt install -y -q --no-install-recommends "$@" ||
		{ apt update -q && apt install -y -q --no-install-recommends "$@"; }
fi
command -v "$command" >/dev/null && exit 0
echo "$command is missing (packages: $*); what needs it is left out: $said"
[ "${CI:-}" != true ]
