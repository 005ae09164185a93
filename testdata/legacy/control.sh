#!/bin/sh
# A package control script of the legacy kind: control.sh start|stop.
# What it works on it takes from the package's parameters; pev_device and
# pev_directory name the file system. Exit status: 0 done, 1 failed, 2 another
# node may try.

PATH=$PATH:/sbin:/usr/sbin
: "${SG_PACKAGE:?}"

environment=$(cmgetpkgenv "$SG_PACKAGE") || exit 1
eval "$environment"

log() {
	echo "$(date '+%b %e %H:%M:%S') - Node \"${SG_NODE:-$(hostname)}\": $*"
}

fail() {
	printf '\tERROR:  Function %s\n\tERROR:  %s\n' "$1" "$2"
}

# The groups are activated only under a reservation, and the reservation goes
# only when nothing here can write any more.
start() {
	if [ "$PKG_PR_MODE" = pr_enabled ]; then
		pr_start "$SG_PACKAGE" || return
	fi
	log "Activating volume group $SG_VG."
	# Without a word on how, the default of Linux packages.
	if ! ${SG_VGCHANGE_CMD:-vgchange -a y} "$SG_VG"; then
		fail activate_volume_group "Failed to activate $SG_VG"
		stop
		return 2
	fi
	mkdir -p "$PEV_DIRECTORY"
	if ! mount "$PEV_DEVICE" "$PEV_DIRECTORY"; then
		fail check_and_mount "Failed to mount $PEV_DEVICE"
		stop
		return 2
	fi
}

stop() {
	if grep -q " $PEV_DIRECTORY " /proc/mounts && ! umount "$PEV_DIRECTORY"; then
		fail umount_fs "Failed to unmount $PEV_DIRECTORY"
		return 1
	fi
	log "Deactivating volume group $SG_VG"
	if ! vgchange -a n "$SG_VG"; then
		fail deactivate_volume_group "Failed to deactivate $SG_VG"
		return 1
	fi
	if [ "$PKG_PR_MODE" = pr_enabled ]; then
		pr_halt "$SG_PACKAGE"
	fi
}

case $1 in
start | stop)
	log "Package $1 of $SG_PACKAGE"
	"$1"
	status=$?
	log "Package $1 of $SG_PACKAGE ended with $status"
	exit $status
	;;
esac
