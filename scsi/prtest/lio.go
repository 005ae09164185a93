package prtest

// LIO are the deviations of the Linux kernel's target over iSCSI, as they are in the
// versions 6.1, 6.12 and 7.2 of the kernel.
func LIO(major, minor int) Deviations {
	d := Deviations{
		"*/? unregisters*": {Gen: Is(0), Reason: "unregistering does not count in PRGENERATION"},
		"RELEASE */? RELEASE ? *, other type": {Want: Is(conflict),
			Reason: "a RELEASE that does not fit the reservation is a conflict, not 26/04"},
		"PR OUT scope/A RELEASE 1 WE scope=1": {Want: Is(conflict),
			Reason: "a RELEASE that does not fit the reservation is a conflict, whatever the scope"},
		"PR OUT scope/A RESERVE 1 WE scope=*": {Want: Is("5/26/00"), Reason: "scopes are looked at as if they stood in the parameter list"},
		"*/? *->* scope=1":                    {Want: Is("5/26/00"), Reason: "scopes are looked at as if they stood in the parameter list"},
		"* without a reservation/A *->0 WERO, key 0": {Want: Is("5/26/00"),
			Reason: "PREEMPT of key 0 is refused before it is looked for"},
		"* without a reservation, invalid type/A *": {Want: Is("5/24/00"), After: Is("A:1 B:2"), UA: Is(""), Gen: Is(0),
			Reason: "the type of PREEMPT is looked at even where it means nothing"},
		"APTPL/B CLEAR 2": {After: Is("-"), Reason: "CLEAR turns APTPL off"},
		"UA queue/A CLEAR 1": {UA: Is("B=2A/04"),
			Reason: "of several unit attentions one is reported and the others are dropped"},
		"PR IN with */C READ * alloc=[0147]": {Want: Is("5/24/00"), Reason: "allocation lengths below 8 are refused"},
		"PR IN with */C REPORT CAPABILITIES alloc=[014]": {Want: Is("5/24/00"),
			Reason: "allocation lengths below 6 are refused"},
		"PR IN with A:*/C READ FULL STATUS alloc=8": {Want: Is(cutWrong),
			Reason: "ADDITIONAL LENGTH counts the descriptors that fit"},
		"PR IN with A:*/C READ FULL STATUS alloc=[1236]?": {Want: Is(cutWrong),
			Reason: "ADDITIONAL LENGTH counts the descriptors that fit"},
		"PR IN with * EA/C READ RESERVATION alloc=16": {Want: Is(cutWrong), Reason: "the key is left out below 22 bytes"},
		"PR IN with * EA/C READ RESERVATION alloc=20": {Want: Is(cutWrong), Reason: "the key is left out below 22 bytes"},
		"RESERVE(6) under */B *": {Want: Is(conflict),
			Reason: "registrants that did not make the reservation are refused, whatever the type"},
		"SPEC_I_PT/A REGISTER 0->5 SPEC_I_PT=BC": {Gen: Is(3), Reason: "PRGENERATION counts every port that is registered"},
		"SPEC_I_PT/C REGISTER 0->7 SPEC_I_PT=B, named port is registered": {Want: Is(good), After: Is("A:5 B:6 C:7"), Gen: Is(1),
			Reason: "named ports that are registered are passed over"},
		"SPEC_I_PT/C REGISTER 0->7 SPEC_I_PT=XB, all or nothing": {Want: Is(conflict),
			Reason: "the sender has been registered by the step before"},
		"SPEC_I_PT/C REGISTER 0->7 SPEC_I_PT=none": {Want: Is(conflict), Gen: Is(0),
			Reason: "the sender has been registered before"},
		"SPEC_I_PT with the sender/A REGISTER 0->5 SPEC_I_PT=A": {Want: Is(good), After: Is("A:5"), Gen: Is(2),
			Reason: "the sender may be named, and counts twice"},
		"SPEC_I_PT with the sender/A REGISTER 0->5 SPEC_I_PT=BB": {Want: Is(conflict),
			Reason: "the sender has been registered by the step before"},
		"RELEASE without a reservation/A RELEASE 2 WE": {Want: Is(good),
			Reason: "the key of a RELEASE is not looked at while nothing is reserved"},
		"SPEC_I_PT with an unknown port/*": {Want: Is("5/26/00"), After: Is("-"), Gen: Is(0),
			Reason: "only initiators with an ACL can be registered"},
		"MOVE to an unknown port/*": {Want: Is("5/26/00"), After: Is("A:1* EA"), Gen: Is(0),
			Reason: "only initiators with an ACL can be registered"},
	}
	if major >= 7 {
		delete(d, "* without a reservation, invalid type/A *")
	}
	d.addUnregistered()
	d.addAccess(major < 6 || major == 6 && minor < 12)
	return d
}

// addUnregistered adds what unregistered nexuses get while there is no
// reservation that would stop them before.
func (d Deviations) addUnregistered() {
	for _, name := range []string{
		"RESERVE by an unregistered nexus/A RESERVE 0 WE",
		"RESERVE by an unregistered nexus/A RESERVE 2 WE",
		"RESERVE by nobody at all/A RESERVE 1 WE",
		"RELEASE without a reservation/B RELEASE 0 WE",
		"RELEASE by nobody at all/A RELEASE 1 WE",
		"CLEAR/A CLEAR 1, again",
		"MOVE without a reservation/C MOVE 0->B:2, unregistered",
	} {
		d[name] = Deviation{Want: Is("2/08/00"),
			Reason: "an unregistered nexus meets a communication failure while nothing is reserved"}
	}
}

// addAccess adds the commands that are judged by the direction of their data. An old
// kernel knows READ CAPACITY(10) no better.
func (d Deviations) addAccess(old bool) {
	for _, name := range []string{"WE", "WERO", "WEAR"} {
		d["access under "+name+"/C SYNCHRONIZE CACHE(10)"] = Deviation{Want: Is(good),
			Reason: "commands without data pass a write exclusive reservation"}
	}
	d["access under EA/B MODE SENSE(6)"] = Deviation{Want: Is(good),
		Reason: "MODE SENSE passes for registrants, whatever the type"}
	d["access under WE/B VERIFY(10)"] = Deviation{Want: Is(conflict),
		Reason: "a registrant that is not the holder may only read; VERIFY moves no data"}
	capacities := []string{"READ CAPACITY(16)"}
	if old {
		capacities = append(capacities, "READ CAPACITY(10)")
	}
	for _, who := range []string{"EA/B", "EA/C", "EARO/C", "EAAR/C"} {
		for _, capacity := range capacities {
			d["access under "+who+" "+capacity] = Deviation{Want: Is(conflict),
				Reason: "READ CAPACITY counts as reading the medium"}
		}
	}
}
