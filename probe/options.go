package probe

import "time"

// Options say how a device is tried.
type Options struct {
	// TwoHosts says that another run is to be met on the device.
	TwoHosts bool
	// Run and ID tell this run from others: 10 and 24 bits.
	Run uint16
	ID  uint32
	Wait
	// Scratch is nil if nothing may be written.
	Scratch *Scratch
	// Memory is nil if nothing is kept; then the scratch block has to be empty.
	Memory *Memory
	// Now tells the time.
	Now func() time.Time
	// Say tells people what comes next; nil says nothing.
	Say func(Check)
}

// fit cuts the numbers of the run to what a mark has room for.
func (o *Options) fit() { o.Run, o.ID = o.Run&runMask, o.ID&payloadMask }

func (o *Options) say(c Check) {
	if o.Say != nil {
		o.Say(c)
	}
}
