#!/bin/sh
# The main job on a simulated array of two nodes: each step prints its command
# as a user types it and its real output, and is checked. Exit 1 if any step's
# result is not the expected one.
#
# demo.sh --check FILE prints the transcript at the end, and compares all of it with
# the block of FILE between the markers "demo:begin" and "demo:end". LUNGUARD is
# another binary than bin/lunguard.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
# As a user has it who has just run make.
mkdir "$work/bin" && cp "${LUNGUARD:-$top/bin/lunguard}" "$work/bin/lunguard" || exit 1
unset LUNGUARD LUNGUARD_SIM LUNGUARD_CONF SG_NODE SG_PACKAGE
cd "$work" || exit 1
exec 3>&1
[ "${1:-}" != --check ] || exec 3>"$work/transcript"

failed=0

# step STATUS PATTERN COMMAND: runs COMMAND, shows it and its output, and wants
# the exit status and, in the output, every line of PATTERN.
step() {
	echo "\$ $3" >&3
	eval "$3" >"$work/out" 2>&1
	got=$?
	cat "$work/out" >&3
	if [ "$got" != "$1" ]; then
		echo "demo: exit status $got, $1 expected: $3" >&2
		failed=1
	fi
	printf '%s\n' "$2" | while IFS= read -r line; do
		[ -z "$line" ] || grep -qF -e "$line" "$work/out" || echo "$line"
	done >"$work/missing"
	if [ -s "$work/missing" ]; then
		echo "demo: this is missing in the output of: $3" >&2
		cat "$work/missing" >&2
		failed=1
	fi
	echo >&3
}

# A step that changes the shell itself.
say() { echo "\$ $1" >&3; eval "$1"; }

say 'export PATH=$PWD/bin:$PATH'
step 0 "" "lunguard --install bin"
say 'cd "$(mktemp -d -p "$PWD/bin")"'
step 0 "" "lunguard sim create array --nodes jack3,jack4 --luns 1 --namespaces 1"
step 0 "" "lunguard sim vgextend array iscsi_vg3 /dev/sda"
step 0 "" "cat >cluster.conf <<END
CLUSTER_NAME    bla
CLUSTER_PR_TAG  0xbcb0
NODE_NAME       jack3
  NODE_ID       1
NODE_NAME       jack4
  NODE_ID       2

package_name    pkg1
vg              iscsi_vg3
END"
say "export LUNGUARD_CONF=cluster.conf"

say "export LUNGUARD_SIM=array/jack3      # on node jack3"
step 0 "pkg1: 1 LUN, 6 SCSI commands" "pr_start -v pkg1"
step 0 " REGISTERED KEYS : 0xbcb00001
 RESERVED KEYS : 0xbcb00001
 RESERVED FROM NODE : jack3" "vg_pr_key -g -v /dev/iscsi_vg3"
step 0 "block 7 written" "lunguard sim write /dev/sda 7 'written by jack3'"

say "export LUNGUARD_SIM=array/jack4      # on node jack4"
step 2 "RESERVATION CONFLICT" "lunguard sim write /dev/sda 7 'written by jack4'"
step 0 "written by jack3" "lunguard sim read /dev/sda 7"

say "export LUNGUARD_SIM=array/jack3      # the group grows by an NVMe namespace"
step 0 "" "lunguard sim vgextend array iscsi_vg3 /dev/nvme0n1"
step 0 "/dev/sda 0xbcb00001 0xbcb00001 jack3
/dev/nvme0n1 NONE NONE NONE" "vg_pr_key -g iscsi_vg3"
step 0 "Successfully copied registration key 0xbcb00001 to /dev/nvme0n1" "vg_pr_key -s -v iscsi_vg3"
step 0 "/dev/sda 0xbcb00001 0xbcb00001 jack3
/dev/nvme0n1 0xbcb00001 0xbcb00001 jack3" "vg_pr_key -g iscsi_vg3"

say "export LUNGUARD_SIM=array/jack4      # jack3 hangs; jack4 takes over"
step 0 "PREEMPT AND ABORT 0xbcb00001 (jack3) by 0x40000000bcb00002 (jack4, taking): done" "pr_start -v pkg1 | sort"
step 0 "block 7 written" "lunguard sim write /dev/sda 7 'written by jack4'"

say "export LUNGUARD_SIM=array/jack3      # jack3 wakes up"
step 2 "RESERVATION CONFLICT" "lunguard sim write /dev/sda 7 'written late'"
step 2 "/dev/nvme0n1: " "lunguard sim write /dev/nvme0n1 7 'written late'"
step 0 "" "pr_halt pkg1"
step 0 "/dev/sda 0xbcb00002 0xbcb00002 jack4
/dev/nvme0n1 0xbcb00002 0xbcb00002 jack4" "vg_pr_key -g iscsi_vg3"
step 0 "written by jack4" "lunguard sim read /dev/sda 7"

say "export LUNGUARD_SIM=array/jack4"
step 0 "" "pr_halt pkg1"
step 0 " REGISTERED KEYS : NONE
 RESERVED KEYS : NONE
 RESERVED FROM NODE : NONE" "vg_pr_key -g -v /dev/iscsi_vg3"

cd "$work" || exit 1
if [ "${1:-}" = --check ]; then
	cat transcript
	sed -n '/demo:begin/,/demo:end/p' "$top/$2" | grep -v -e 'demo:begin' -e 'demo:end' -e '^```' >expected
	sed -e '$d' transcript | diff -u expected - >difference || {
		echo "demo: the transcript in $2 is not what the commands print:" >&2
		cat difference >&2
		failed=1
	}
fi
[ $failed = 0 ] && echo "demo: every step as expected" >&2
exit $failed
