package scsi_test

import (
	"errors"
	"fmt"

	"lunguard/pr"
	"lunguard/scsi"
)

// What a device answered becomes an error of a class, with the data in it.
func ExampleReply_Err() {
	reply := scsi.Reply{Status: scsi.ReservationConflict}
	err := reply.Err()
	fmt.Println(errors.Is(err, pr.ErrReservationConflict), pr.OutcomeUnknown(err))
	lost := scsi.Reply{Host: scsi.HostTimeOut}.Err()
	fmt.Println(errors.Is(lost, pr.ErrTransport), pr.OutcomeUnknown(lost))
	// Output:
	// true false
	// true true
}

// An initiator port, as READ FULL STATUS lists it.
func ExampleTransportID() {
	port := scsi.ISCSIPortTransportID("iqn.2001-04.com.example:a", 0x00023d000001)
	fmt.Println(port, port.Protocol(), len(port.Bytes()))
	fmt.Println(port.Same(scsi.ISCSIPortTransportID("IQN.2001-04.com.example:A", 0x00023d000001)))
	// Output:
	// iqn.2001-04.com.example:a,i,0x00023d000001 iscsi 48
	// true
}

// The bytes of a PERSISTENT RESERVE OUT.
func ExamplePROut_Marshal() {
	out := scsi.PROut{Action: scsi.OutRegister, ActionKey: 0xbcb00001}
	cdb, list := out.Marshal()
	fmt.Printf("% x\n% x\n", cdb, list[:16])
	// Output:
	// 5f 00 00 00 00 00 00 00 18 00
	// 00 00 00 00 00 00 00 00 00 00 00 00 bc b0 00 01
}
