package simlun_test

import (
	"context"
	"fmt"

	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// Two hosts at one LUN: the second one takes it over, and the first cannot write any more.
func Example() {
	ctx := context.Background()
	lun, err := simlun.NewMemory(simlun.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	// A Transport carries commands of one I_T nexus; a Unit has the verbs.
	one := &scsi.Retry{Transport: lun.Nexus(scsi.SASTransportID(1), 1)}
	two := &scsi.Retry{Transport: lun.Nexus(scsi.SASTransportID(2), 1)}
	a, b := scsi.NewUnit("a", one), scsi.NewUnit("b", two)

	fmt.Println(a.Register(ctx, 0, 0xa, false), a.Reserve(ctx, 0xa, scsi.WriteExclusiveRegistrantsOnly))
	fmt.Println(b.Register(ctx, 0, 0xb, false), b.PreemptAndAbort(ctx, 0xb, 0xa, scsi.WriteExclusiveRegistrantsOnly))

	write := scsi.Write{BlockSize: 512, Data: make([]byte, 512)}
	fmt.Println(write.Execute(ctx, &scsi.Retry{Transport: one.Transport, AfterStateChange: true}))
	state, err := b.State(ctx)
	fmt.Println(state.Keys(), state.Reservation.Key, err)
	// Output:
	// <nil> <nil>
	// <nil> <nil>
	// WRITE(10): reservation conflict
	// [0xb] 0xb <nil>
}

// A fault plan: the answer to the second PERSISTENT RESERVE OUT is lost, though the
// command was performed.
func ExampleMachine_SetPlan() {
	ctx := context.Background()
	lun, err := simlun.NewMemory(simlun.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := simlun.ParsePlan("prout@2:after:host=3")
	if err != nil {
		fmt.Println(err)
		return
	}
	lun.With(func(m *simlun.Machine) { m.SetPlan(plan) })
	u := scsi.NewUnit("a", &scsi.Retry{Transport: lun.Nexus(scsi.SASTransportID(1), 1)})
	fmt.Println(u.Register(ctx, 0, 0xa, false))
	fmt.Println(u.Register(ctx, 0xa, 0xb, false))
	keys, err := u.Keys(ctx)
	fmt.Println(keys, err)
	// Output:
	// <nil>
	// a: PERSISTENT RESERVE OUT, REGISTER: no answer in time: transport error: DID_TIME_OUT
	// [0xb] <nil>
}
