#!/bin/sh
# An external_script: starts and stops an application, and tells whether it is
# installed.
log() { echo "app.sh: $*"; }

case $1 in
start)
	log "starting for package $SG_PACKAGE on $SG_NODE"
	# Exit status 2 lets another node try, 1 does not.
	[ -d "${PEV_APP_DIR:?}" ] || exit 2
	: >"$PEV_APP_DIR/running"
	;;
stop)
	log "stopping, because of $SG_HALT_REASON"
	rm -f "${PEV_APP_DIR:?}/running"
	;;
validate)
	# Only SG_PACKAGE_NAME is known here.
	log "validating for package $SG_PACKAGE_NAME"
	;;
*)
	log "usage: $0 start|stop|validate"
	exit 1
	;;
esac
