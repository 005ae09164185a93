#!/usr/bin/env bash
#"(#) a package control script"

# Set PATH to reference the appropriate directories.
. ${SGCONFFILE:=/etc/cmcluster.conf}
PATH=$SGSBIN:$PATH

# VOLUME GROUP ACTIVATION
# VGCHANGE="vgchange -a e"		# Default for another platform
VGCHANGE="vgchange -a y"

# VOLUME GROUPS
# Specify which volume groups are used by this package. Uncomment VG[0]=""
# and fill in the name of your first volume group.
VG[0]="vg05"
#VG[1]=""

# FILESYSTEMS
#LV[0]=""; FS[0]=""; FS_TYPE[0]=""; FS_MOUNT_OPT[0]=""

# IP ADDRESSES
#IP[0]=""
#SUBNET[0]=""

# SERVICE NAMES AND COMMANDS.
SERVICE_NAME[0]="legacy_db"
SERVICE_CMD[0]="sleep 3600"
SERVICE_RESTART[0]="-r 2"
SERVICE_NAME[1]="legacy_listener"
SERVICE_CMD[1]="sleep 3601"
SERVICE_RESTART[1]="-R"
SERVICE_NAME[2]="legacy_monitor"
SERVICE_CMD[2]="sleep 3602"
SERVICE_RESTART[2]=""

# START OF CUSTOMER DEFINED FUNCTIONS
function customer_defined_run_cmds
{
: # do nothing instruction, because a function must contain some command.
}

function customer_defined_halt_cmds
{
: # do nothing instruction, because a function must contain some command.
}
# END OF CUSTOMER DEFINED FUNCTIONS

function activate_volume_group
{
for I in ${VG[@]}
do
	print_it "Activating volume group $I"
	$VGCHANGE $I
	test_return $?
done
}

function start_services
{
for I in ${!SERVICE_NAME[@]}
do
	print_it "Starting service ${SERVICE_NAME[$I]} using \"${SERVICE_CMD[$I]}\""
	cmrunserv ${SERVICE_RESTART[$I]} ${SERVICE_NAME[$I]} ${SERVICE_CMD[$I]}
	test_return $?
done
}

function halt_services
{
for I in ${SERVICE_NAME[@]}
do
	print_it "Halting service $I"
	cmhaltserv $I
	test_return $?
done
}

function deactivate_volume_group
{
for I in ${VG[@]}
do
	print_it "Deactivating volume group $I"
	vgchange -a n $I
	test_return $?
done
}

function print_it
{
print_date=$(date '+%b %e %T')
echo "$print_date - Node \"$(uname -n)\": $1"
}

function test_return
{
if (( $1 != 0 ))
then
	echo "	ERROR:  a step failed with $1"
	exit 1
fi
}

if [[ $1 = "start" ]]
then
	echo "
	########### Node \"$(uname -n)\": Starting package at $(date) ###########"
	activate_volume_group
	customer_defined_run_cmds
	start_services
elif [[ $1 = "stop" ]]
then
	echo "
	########### Node \"$(uname -n)\": Halting package at $(date) ###########"
	halt_services
	customer_defined_halt_cmds
	deactivate_volume_group
fi
exit 0
