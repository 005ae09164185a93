package nvmetest

// NVMet is what Linux's target does otherwise, as of 7.2.
func NVMet() Deviations {
	return Deviations{
		// Key 0 is a key there: nobody can preempt who has it.
		"key 0: A register 0":   "ok A0",
		"key 0: A replace! 0 0": "ok A0",
		"key 0: A register 1":   "conflict A0",
		"key 0: A replace 1 0":  "conflict A0",
		// What it does not know is another command to it, not a field of one.
		"reserved fields: A action register 3": "opcode A1",
		"reserved fields: A action acquire 3":  "opcode A1",
		"reserved fields: A action release 2":  "opcode A1",
		// It keeps nothing through a restart, and does not say so.
		"reserved fields: A cptpl 1 1": "ok A1",
		// Who holds with others is told that he does not.
		"all registrants hold: B acquire 2 wear": "conflict A1* B2* wear",
		// ... and cannot release, but for the one that has acquired.
		"who has not acquired releases: B release 2 wear": "ok A1* B2* wear",
		"all registrants hold: A release 1 wero":          "conflict A1* B2* C3* wear",
		"release: A release 1 we":                         "conflict A1* B2 wero",
		// Whoever the holder names, only the type changes, and that is success.
		"preempt a key that nobody has: A preempt 1 9 wero/2": "ok A1* wero",
		"who is told: A preempt 1 2 wero":                     "ok A1* B2 wero",
		"who is told: B event":                                "none",
		"the holder has a namesake: A preempt 1 1 we":         "ok A1* B1 we",
	}
}

// SPDK is what the target of the Storage Performance Development Kit does otherwise, by
// its source of 26.08.
func SPDK() Deviations {
	return Deviations{
		// The generation counts hosts that come and go.
		"register: A generation":             "2",
		"register: A generation/2":           "2",
		"register: A generation/3":           "4",
		"clear: A generation":                "4",
		"preempt nothing held: A generation": "6",
		// Nobody to preempt is nothing to complain of.
		"preempt a key that nobody has: A preempt 1 9 wero":   "ok A1",
		"preempt a key that nobody has: A preempt 1 9 wero/2": "ok A1* wero",
		"preempt key 0: B preempt 2 0 wero":                   "conflict A1* B2 wero",
		// Another host with the holder's key stays.
		"the holder has a namesake: A preempt 1 1 we": "ok A1* B1 we",
		// All go, and the type is what it was.
		"preempt all registrants: B abort 2 0 wero": "ok B2* wear",
	}
}
