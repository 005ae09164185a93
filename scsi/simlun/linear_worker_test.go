package simlun

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"lunguard/scsi"
)

// linearEnv makes this test binary a process that sends random commands and
// tells of each: its value is an assignment.
const linearEnv = "SIMLUN_TEST_LINEAR"

// linearWorker is that process, and returns its exit status.
func linearWorker(text string) int {
	var a assignment
	err := json.Unmarshal([]byte(text), &a)
	if err == nil {
		err = a.work()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	return 0
}

// assignment is what one process does.
type assignment struct {
	Path  string
	Nexus int
	Seed  uint64
	Life  uint64 // how many processes had this nexus before
	Count int    // endless: until it is killed
	Flaw  string // see flawed
}

const endless = math.MaxInt32

// record is one line of a process: before a command Order and Call, after it
// Answer and both times. A process may be killed between the two.
type record struct {
	Order        *order `json:",omitempty"`
	Answer       string `json:",omitempty"`
	Call, Return int64
}

// clock is comparable between processes.
func clock() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err)
	}
	return ts.Nano()
}

// work sends the commands. It says that it is ready with an empty record, and
// waits for a byte: processes that begin together compete.
func (a assignment) work() error {
	d, err := Open(a.Path, nexusOf(a.Nexus))
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(a.Seed, a.Life<<8|uint64(a.Nexus)))
	t, err := flawed(a, d, rng)
	if err != nil {
		return err
	}
	// Unbuffered: a line is written by one system call or not at all.
	lines := json.NewEncoder(os.Stdout)
	if err := lines.Encode(record{}); err != nil {
		return err
	}
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		return err
	}
	p := player{self: a.Nexus, rng: rng, value: a.Life<<32 | uint64(a.Nexus+1)<<24}
	for range a.Count {
		c := p.next()
		if a.Count == endless && rng.IntN(2) == 0 {
			// PRGENERATION tells afterwards whether this was done.
			c.What, c.Action, c.ActionKey = "out", scsi.OutRegisterAndIgnoreExistingKey, scsi.Key(a.Nexus+1)
		}
		if err := lines.Encode(record{Order: &c, Call: clock()}); err != nil {
			return err
		}
		r := record{Call: clock()}
		r.Answer, err = send(t, c)
		r.Return = clock()
		if err != nil {
			return err
		}
		if err := lines.Encode(r); err != nil {
			return err
		}
		p.learn(c, r.Answer)
	}
	return nil
}

// player draws commands, most of them such that they do something.
type player struct {
	self  int
	rng   *rand.Rand
	mine  scsi.Key // what it believes to be registered with
	value uint64   // the last that it wrote
}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

func (p *player) next() order {
	c := order{From: p.self, Block: p.rng.IntN(2), What: pick(p.rng, "out", "out", "out", "out", "out", "out", "move", "move", "move",
		"keys", "reservation", "status", "status", "capabilities", "read", "read", "write", "write", "write", "tur")}
	switch c.What {
	case "tur":
		if p.rng.IntN(2) == 0 {
			c.What = "reset"
		}
	case "write":
		p.value++
		c.Value = p.value
	case "out", "move":
		c.Type = pick[scsi.Type](p.rng, 1, 3, 5, 5, 5, 6, 7, 8, 2)
		c.Key = p.mine
		if p.rng.IntN(8) == 0 {
			c.Key = scsi.Key(p.rng.IntN(4))
		}
		c.ActionKey = scsi.Key(p.rng.IntN(nexuses))
		c.APTPL = p.rng.IntN(2) == 0
		c.To = p.rng.IntN(nexuses - 1)
		c.Unregister = p.rng.IntN(2) == 0
		c.Action = pick[scsi.OutAction](p.rng, 0, 1, 1, 1, 2, 4, 4, 5, 6)
		switch {
		case c.What == "move":
			c.Action = scsi.OutRegisterAndMove
		case p.mine == 0:
			c.Action = pick(p.rng, scsi.OutRegister, scsi.OutRegisterAndIgnoreExistingKey)
		case p.rng.IntN(30) == 0:
			c.Action = scsi.OutClear
		}
		if (c.Action == 0 || c.Action == 6) && p.rng.IntN(3) > 0 {
			c.ActionKey = scsi.Key(p.self + 1) // else one that others may have, or none
		}
	}
	return c
}

// learn follows what is said of the own registration.
func (p *player) learn(c order, answer string) {
	registers := c.What == "out" && (c.Action == scsi.OutRegister || c.Action == scsi.OutRegisterAndIgnoreExistingKey)
	switch {
	case answer == "GOOD" && registers:
		p.mine = c.ActionKey
	case answer == "GOOD" && (c.What == "move" && c.Unregister || c.What == "out" && c.Action == scsi.OutClear),
		answer == "6/2A/03", answer == "6/2A/05", answer == "RC" && c.What == "out" && p.rng.IntN(4) == 0:
		p.mine = 0
	}
}

// request makes a command of an order.
func (c order) request() *scsi.Request {
	const alloc = 1024
	switch c.What {
	case "out":
		return outRequest(scsi.PROut{Action: c.Action, Type: c.Type, Key: c.Key, ActionKey: c.ActionKey, APTPL: c.APTPL})
	case "move":
		cdb, list := (&scsi.RegisterMove{Key: c.Key, ActionKey: c.ActionKey, Unregister: c.Unregister, APTPL: c.APTPL,
			RelativePort: 1, Destination: nexusOf(c.To).Port()}).Marshal()
		return &scsi.Request{CDB: cdb, Dir: scsi.DataOut, Data: list}
	case "keys":
		return inRequest(scsi.InReadKeys, alloc)
	case "reservation":
		return inRequest(scsi.InReadReservation, alloc)
	case "status":
		return inRequest(scsi.InReadFullStatus, alloc)
	case "capabilities":
		return inRequest(scsi.InReportCapabilities, alloc)
	case "reset":
		return resetRequest()
	case "read":
		return readRequest(byte(c.Block))
	case "write":
		req := writeRequest(byte(c.Block), 0)
		req.Data = bytes.Repeat(binary.BigEndian.AppendUint64(nil, c.Value), 512/8)
		return req
	}
	return turRequest()
}

// send does a command and says in words what came back.
func send(t scsi.Transport, c order) (string, error) {
	req := c.request()
	r, err := t.Do(context.Background(), req)
	if err != nil {
		return "", err
	}
	answer := words(r)
	if answer != "GOOD" || req.Dir != scsi.DataIn {
		return answer, nil
	}
	data := req.Data[:len(req.Data)-r.Resid]
	switch c.What {
	case "keys":
		var got scsi.ReadKeysResponse
		err = got.UnmarshalBinary(data)
		return showKeys(got.Generation, got.Keys), err
	case "reservation":
		var got scsi.ReadReservationResponse
		err = got.UnmarshalBinary(data)
		return showReservation(got.Generation, got.Reservation), err
	case "status":
		var got scsi.ReadFullStatusResponse
		err = got.UnmarshalBinary(data)
		return showStatus(got.Generation, got.Descriptors), err
	case "capabilities":
		var got scsi.Capabilities
		err = got.UnmarshalBinary(data)
		return fmt.Sprintf("GOOD aptpl %v", got.PersistActive), err
	}
	if len(data) != 512 || !bytes.Equal(data[8:], data[:504]) {
		return fmt.Sprintf("GOOD torn %x", data), nil
	}
	return fmt.Sprintf("GOOD %x", binary.BigEndian.Uint64(data)), nil
}

// flaws are the ways in which a device is made wrong, to see that it is found.
var flaws = []string{"stale", "behind", "twice", "unlocked", "copies"}

type transportFunc func(context.Context, *scsi.Request) (scsi.Reply, error)

func (f transportFunc) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	return f(ctx, req)
}

// slow takes its time between reading the state and writing it, so that even
// on one processor others come between if they can.
type slow struct{ *Device }

func (s slow) step(f func(*Machine)) error {
	return s.Device.step(func(m *Machine) {
		f(m)
		time.Sleep(300 * time.Microsecond)
	})
}

// flawed makes a device wrong:
//   - stale: what is read is now and then what was read before
//   - behind: GOOD for a WRITE that is done only before the next command
//   - twice: each command is done twice
//   - unlocked: nothing keeps the processes from changing the unit at once
//   - copies: half of the processes have a copy of the unit
func flawed(a assignment, d *Device, rng *rand.Rand) (scsi.Transport, error) {
	switch a.Flaw {
	case "stale":
		type answer struct {
			reply scsi.Reply
			data  []byte
		}
		old := map[string]answer{}
		return transportFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			if had, ok := old[string(req.CDB)]; ok && rng.IntN(4) == 0 {
				copy(req.Data, had.data)
				return had.reply, nil
			}
			r, err := d.Do(ctx, req)
			if req.Dir == scsi.DataIn && r.Status == scsi.Good {
				old[string(req.CDB)] = answer{r, slices.Clone(req.Data)}
			}
			return r, err
		}), nil
	case "behind":
		var late *scsi.Request
		return transportFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			if late != nil {
				if _, err := d.Do(ctx, late); err != nil {
					return scsi.Reply{}, err
				}
				late = nil
			}
			if req.Opcode() == scsi.OpWrite10 {
				late = req
				return scsi.Reply{}, nil
			}
			return d.Do(ctx, req)
		}), nil
	case "twice":
		return transportFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			if r, err := d.Do(ctx, req); err != nil {
				return r, err
			}
			return d.Do(ctx, req)
		}), nil
	case "unlocked":
		own, err := os.Create(fmt.Sprintf("%s%s%d", a.Path, lockSuffix, a.Nexus))
		if err != nil {
			return nil, err
		}
		err = d.store.state.Lock.Close()
		d.store.state.Lock = own
		return transportFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			return deliver(ctx, slow{d}, d.nexus, req)
		}), err
	case "copies", "":
		return d, nil
	}
	return nil, errors.New("no such flaw: " + a.Flaw)
}
