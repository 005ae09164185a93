package honesty

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lunguard/pr"
	"lunguard/protocol"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// truth is what an outsider finds on the LUNs themselves.
type truth []lunTruth

// lunTruth is that of one LUN.
type lunTruth struct {
	registrations []simlun.RegistrationStatus
	reserved      pr.Type
	// writes says which paths of a host the LUN takes a WRITE from.
	writes map[string][paths]bool
}

// look finds out, on copies of the LUNs without faults and quirks, as they are after
// so many further commands.
func (s site) look(commands int) (truth, error) {
	var t truth
	err := s.each(func(i int) error {
		lun, err := simlun.Load(s.lun(i))
		if err != nil {
			return err
		}
		lun.With(func(m *simlun.Machine) { m.SetPlan(nil); m.SetQuirks(simlun.Quirks{}) })
		l := lunTruth{writes: map[string][paths]bool{}}
		for range commands {
			if _, err := lun.Path(nexus(stranger, 0)).Do(context.Background(), &scsi.Request{CDB: make([]byte, 6)}); err != nil {
				return err
			}
		}
		for _, host := range []string{here, there, stranger} {
			var can [paths]bool
			for path := range paths {
				if can[path], err = write(lun.Path(nexus(host, path))); err != nil {
					return err
				}
			}
			l.writes[host] = can
		}
		lun.With(func(m *simlun.Machine) {
			d := m.Describe()
			l.registrations, l.reserved = d.Registrations, pr.Type(d.Type)
		})
		t = append(t, l)
		return nil
	})
	return t, err
}

// write tries to write through a path.
func write(p scsi.Transport) (bool, error) {
	req := &scsi.Request{CDB: []byte{byte(scsi.OpWrite10), 0, 0, 0, 0, 1, 0, 0, 1, 0}, Dir: scsi.DataOut, Data: make([]byte, 512)}
	reply, err := (&scsi.Retry{Transport: p, AfterStateChange: true}).Do(context.Background(), req)
	switch {
	case err != nil:
		return false, err
	case reply.Status == scsi.Good && reply.Host == scsi.HostOK:
		return true, nil
	case reply.Status == scsi.ReservationConflict:
		return false, nil
	}
	return false, fmt.Errorf("WRITE: %w", reply.Err())
}

// plain is a key without the marks that nodes put on it.
func plain(k pr.Key) pr.Key { return k &^ (protocol.LeavingMark | protocol.TakingMark) }

// has reports whether anything of a key is registered.
func (l lunTruth) has(key pr.Key) bool {
	return slices.ContainsFunc(l.registrations, func(r simlun.RegistrationStatus) bool { return plain(pr.Key(r.Key)) == key })
}

// on reports whether the very path of a host is registered with a key.
func (l lunTruth) on(host string, path int, key pr.Key) bool {
	return slices.ContainsFunc(l.registrations, func(r simlun.RegistrationStatus) bool {
		return r.Nexus == nexus(host, path) && pr.Key(r.Key) == key
	})
}

// keys are those that are registered, ascending, once each, as people write them.
func (l lunTruth) keys() []string {
	var list []string
	for _, r := range l.registrations {
		list = append(list, r.Key.String())
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// holder is the key of the reservation, empty without one.
func (l lunTruth) holder() string {
	for _, r := range l.registrations {
		if r.Holder {
			return r.Key.String()
		}
	}
	return ""
}

func (l lunTruth) String() string {
	var list []string
	for _, r := range l.registrations {
		word := fmt.Sprintf("%s from %s", r.Key, r.Nexus)
		if r.Holder {
			word += " (holds)"
		}
		list = append(list, word)
	}
	if len(list) == 0 {
		return "nobody is registered"
	}
	return strings.Join(list, ", ")
}

// canWrite reports whether a host can write through some path.
func (l lunTruth) canWrite(host string) bool {
	w := l.writes[host]
	return slices.Contains(w[:], true)
}

// keyOf is that of a node.
func keyOf(host string) pr.Key {
	if host == here {
		return keyHere
	}
	return keyThere
}

// lies are the reasons why something that was said is not so; none if it is.
type lies []string

func (l *lies) add(format string, args ...any) { *l = append(*l, fmt.Sprintf(format, args...)) }

// ownedBy looks whether these nodes alone can write to every LUN, through each path
// of which nobody was told anything else.
func (t truth) ownedBy(o *outcome, nodes ...string) (found lies) {
	for i, l := range t {
		for _, host := range []string{here, there, stranger} {
			if !slices.Contains(nodes, host) {
				if l.canWrite(host) {
					found.add("LUN %d: %s can write", i, host)
				}
				continue
			}
			if !l.has(keyOf(host)) {
				found.add("LUN %d: %s is not registered", i, host)
			}
			if !l.canWrite(host) {
				found.add("LUN %d: %s cannot write", i, host)
				continue
			}
			for path, can := range l.writes[host] {
				if name := disk(i, path); !can && host == here && !o.mentions(name) {
					found.add("LUN %d: %s cannot write through %s, and nobody was told", i, host, name)
				}
			}
		}
		if l.reserved != pr.WriteExclusiveRegistrantsOnly {
			found.add("LUN %d: it is not reserved for registrants", i)
		}
	}
	return found
}

// leftBy looks whether nothing of a node is left.
func (t truth) leftBy(host string) (found lies) {
	for i, l := range t {
		if l.has(keyOf(host)) {
			found.add("LUN %d: %s is registered", i, host)
		}
	}
	return found
}

// free looks whether nobody has anything.
func (t truth) free() (found lies) {
	for i, l := range t {
		if len(l.registrations) > 0 || l.reserved != 0 {
			found.add("LUN %d: %s", i, l)
		}
	}
	return found
}

// well looks whether all is as it should be for what is registered: on every LUN the
// same nodes, each through all its paths, and reserved; or nobody anywhere.
func (t truth) well() (found lies) {
	for i, l := range t {
		if !slices.Equal(l.keys(), t[0].keys()) {
			found.add("LUN %d: %s; LUN 0: %s", i, l, t[0])
		}
		if len(l.registrations) == 0 {
			continue
		}
		found = append(found, l.protected(i)...)
		for _, host := range []string{here, there} {
			for path := range paths {
				if l.has(keyOf(host)) && !l.on(host, path, keyOf(host)) {
					found.add("LUN %d: a path of %s is not registered: %s", i, host, l)
				}
			}
		}
	}
	return found
}

// protected looks whether registered nodes, and nobody else, can write.
func (l lunTruth) protected(lun int) (found lies) {
	nodes := 0
	for _, host := range []string{here, there, stranger} {
		registered := host != stranger && l.has(keyOf(host))
		if registered {
			nodes++
		}
		if l.canWrite(host) && !registered {
			found.add("LUN %d: %s can write", lun, host)
		}
	}
	if nodes == 0 || l.reserved != pr.WriteExclusiveRegistrantsOnly {
		found.add("LUN %d: no node has it reserved: %s", lun, l)
	}
	return found
}
