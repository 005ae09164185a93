#!/bin/sh
# A run_script and halt_script of a legacy package in one: what it activates
# and mounts it also takes down, and it says 0 only if nothing is left.
case $1 in
start)
	vgchange -a y vg01 || exit 1
	mount /dev/vg01/lvol1 /pkg1 || { vgchange -a n vg01; exit 1; }
	;;
stop)
	status=0
	if grep -q ' /pkg1 ' /proc/self/mounts; then
		umount /pkg1 || status=1
	fi
	vgchange -a n vg01 || status=1
	exit $status
	;;
esac
