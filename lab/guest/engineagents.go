//go:build lab

package guest

// writerAgent is a resource that writes to a LUN all the time. It fails where its writes do.
const writerAgent = `#!/bin/sh
dev=$OCF_RESKEY_device
pid=/run/writer-$OCF_RESOURCE_INSTANCE
case $1 in
meta-data)
	cat <<'X'
<?xml version="1.0"?><resource-agent name="writer" version="1"><version>1.1</version><longdesc lang="en">w</longdesc><shortdesc lang="en">w</shortdesc>
<parameters><parameter name="device"><longdesc lang="en">d</longdesc><shortdesc lang="en">d</shortdesc><content type="string"/></parameter></parameters>
<actions><action name="start" timeout="60s"/><action name="stop" timeout="60s"/><action name="monitor" timeout="60s" interval="10s"/><action name="meta-data" timeout="5s"/></actions></resource-agent>
X
	;;
start)
	dd if=/dev/zero of=$dev oflag=direct bs=512 count=1 conv=notrunc 2>/dev/null || exit 1
	setsid sh -c 'while dd if=/dev/zero of='$dev' oflag=direct bs=512 count=1 conv=notrunc 2>/dev/null; do sleep 1; done; rm -f '$pid >/dev/null 2>&1 </dev/null &
	echo $! >$pid ;;
stop)
	[ -f $pid ] && kill $(cat $pid) 2>/dev/null
	rm -f $pid ;;
monitor)
	[ -f $pid ] && kill -0 $(cat $pid) 2>/dev/null || exit 7 ;;
*) exit 3 ;;
esac
exit 0
`

// counterAgent is a resource that writes the next number to a file all the time, and will
// not start if one is missing. What it has written for certain stands in /run/counted.
const counterAgent = `#!/bin/sh
file=$OCF_RESKEY_file
pid=/run/counter-$OCF_RESOURCE_INSTANCE
case $1 in
meta-data)
	cat <<'X'
<?xml version="1.0"?><resource-agent name="counter" version="1"><version>1.1</version><longdesc lang="en">c</longdesc><shortdesc lang="en">c</shortdesc>
<parameters><parameter name="file"><longdesc lang="en">f</longdesc><shortdesc lang="en">f</shortdesc><content type="string"/></parameter></parameters>
<actions><action name="start" timeout="60s"/><action name="stop" timeout="60s"/><action name="monitor" timeout="60s" interval="10s"/><action name="meta-data" timeout="5s"/></actions></resource-agent>
X
	;;
start)
	[ -f $pid ] && kill -0 $(cat $pid) 2>/dev/null && exit 0
	touch $file || exit 1
	awk '$1 != NR { exit 1 }' $file || { echo "ocf-exit-reason:a number is missing in $file" >&2; exit 1; }
	n=$(wc -l <$file)
	echo $n >/run/counted-$OCF_RESOURCE_INSTANCE
	setsid sh -c 'n='$n'; while n=$((n+1)); echo $n >>'$file' && sync '$file'; do echo $n >/run/counted-'$OCF_RESOURCE_INSTANCE'; sleep 1; done; rm -f '$pid >/dev/null 2>&1 </dev/null &
	echo $! >$pid ;;
stop)
	if [ -f $pid ]; then
		p=$(cat $pid)
		kill $p 2>/dev/null
		while kill -0 $p 2>/dev/null; do sleep 0.1; done
	fi
	rm -f $pid ;;
monitor)
	[ -f $pid ] && kill -0 $(cat $pid) 2>/dev/null || exit 7 ;;
*) exit 3 ;;
esac
exit 0
`

// engineLVM is the lvm.conf of all nodes: each sees its own disks, and nobody else's volume
// groups.
const engineLVM = `devices {
	dir = "/dev"
	scan = [ "/dev" ]
	obtain_device_list_from_udev = 0
	use_devicesfile = 0
	global_filter = [ "r|/dev/lun|", "a|.*|" ]
}
global {
	system_id_source = "uname"
	locking_dir = "/run/lock/lvm"
	use_lvmpolld = 0
}
activation {
	udev_sync = 0
	udev_rules = 0
	verify_udev_operations = 0
	monitoring = 0
}
backup {
	backup = 0
	archive = 0
}
`
